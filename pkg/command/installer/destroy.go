package installer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/command"
)

// Destroyed is the result of destroy with --output json.
type Destroyed struct {
	Name string   `json:"name"` // "ci"
	Left []string `json:"left"` // what is kept on purpose or could not be deleted
}

// runDestroy deletes an installation.
func runDestroy(ctx context.Context, c *command.Call) error {
	var g destroyGrammar
	_, set, help, err := parse(c, "destroy", aboutDestroy, &g, true, false)
	if err != nil || help {
		return err
	}
	s, err := open(ctx, c, g.common, set, false)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.confirm(g.YesDestroy); err != nil {
		return err
	}
	defer s.watchSignals(ctx)()
	left, err := s.installation().Destroy(ctx)
	s.display.Close()
	if err != nil {
		return s.explain(err, "destroy")
	}
	if s.flags.Output == "json" {
		return s.printObject(Destroyed{s.config.Name, append([]string{}, left...)})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s is deleted.\n", s.config.Name)
	if len(left) > 0 {
		b.WriteString("\nWhat is left, on purpose or because deletions show late:\n")
		for _, line := range left {
			b.WriteString("  " + line + "\n")
		}
	}
	return s.print(b.String())
}

// confirm wants the installation's name from the flag, or from a person.
func (s *session) confirm(flag string) error {
	name := s.config.Name
	_, asks := terminalOf(s.Terminal)
	_, answers := terminalOf(s.In)
	switch {
	case flag == name:
		return nil
	case flag != "":
		return fmt.Errorf("destroy: --yes-destroy says %s, but the installation is %s; nothing was changed", flag, name)
	case !asks || !answers:
		return fmt.Errorf("destroy: nobody is there to ask, and nothing was changed; to delete %s with all that is in it: perpetual destroy %s --yes-destroy %s", name, name, name)
	}
	_, _ = fmt.Fprintf(s.Terminal, "This deletes Concourse %s with its pipelines, builds and database, and everything under it.\nType its name to go on: ", name)
	answer, err := bufio.NewReader(s.In).ReadString('\n')
	if err != nil && answer == "" {
		return errors.New("destroy: no answer, and nothing was changed")
	}
	if strings.TrimSpace(answer) != name {
		return fmt.Errorf("destroy: that is not %s; nothing was changed", name)
	}
	return nil
}
