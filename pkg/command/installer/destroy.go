package installer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/command/grammar"
	"github.com/perpetual-ci/perpetual/pkg/command/installer/report"
	"github.com/perpetual-ci/perpetual/pkg/command/installer/session"
	"github.com/perpetual-ci/perpetual/pkg/plain"
)

// runDestroy deletes an installation.
func runDestroy(ctx context.Context, c *command.Call) error {
	var g grammar.Destroy
	_, set, help, err := grammar.Parse(c, "destroy", aboutDestroy, &g, true, false)
	if err != nil || help {
		return err
	}
	s, err := session.Open(ctx, c, g.Common, set, false)
	if err != nil {
		return err
	}
	defer s.Close()
	i := s.Installation(ctx)
	if err := confirm(ctx, s, i, g.YesDestroy); err != nil {
		return err
	}
	defer s.WatchSignals(ctx)()
	left, err := i.Destroy(ctx, bootstrap.Options{AcceptStored: g.AcceptStored})
	s.Display.Close()
	if err != nil {
		return explain(s, err, "destroy")
	}
	destroyed := report.Destroyed{Name: s.Given.Config.Name, Left: append([]string{}, left...)}
	if s.JSON() {
		return s.PrintObject(destroyed)
	}
	return s.Print(destroyed.Text())
}

// counting bounds the look at the VMs before the question.
const counting = 20 * time.Second

// aboutToGo says what a destroy is about to delete, and what stays.
func aboutToGo(ctx context.Context, s *session.Session, i *bootstrap.Installation) string {
	name := s.Given.Config.Name
	info, err := i.Info(ctx, false)
	if err != nil {
		return fmt.Sprintf("This deletes what there is of %s.\n", name) // and says what is wrong before anything is deleted
	}
	var b strings.Builder
	under := "everything under it"
	if s.Given.Config.AWS == nil {
		under = "its state"
	}
	fmt.Fprintf(&b, "This deletes Concourse %s with its pipelines, builds and database, and %s:\n", name, under)
	for _, line := range [][2]string{{"account", info.Account}, {"region", info.Region}, {"Concourse", info.URL}, {"director", info.Director}} {
		if line[1] != "" {
			fmt.Fprintf(&b, "  %-10s %s\n", line[0], line[1])
		}
	}
	fmt.Fprintf(&b, "  %-10s %s\n", "VMs", countVMs(ctx, s, i, info))
	switch {
	case s.Given.Config.AWS == nil:
		b.WriteString("What stays: the director with its cloud config, and the disks that it keeps for a while.\n")
	case s.Given.Config.Database.Kind != "vm":
		b.WriteString("What stays: a last snapshot of the database, until you delete it.\n")
	default:
		b.WriteString("Nothing of it stays.\n")
	}
	return b.String()
}

// countVMs says how many VMs the director has made for Concourse, and its own.
func countVMs(ctx context.Context, s *session.Session, i *bootstrap.Installation, info bootstrap.Info) string {
	ctx, cancel := context.WithTimeout(ctx, counting)
	defer cancel()
	if info.Director == "" {
		return "none is known"
	}
	d, done, err := i.Director(info.Access)
	if err != nil {
		return "not known: " + plain.FirstLine(err.Error())
	}
	defer done()
	list, err := d.Instances(ctx, info.Deployment)
	own := "and the director's"
	if s.Given.Config.AWS == nil {
		own = "and not the director's"
	}
	switch {
	case errors.Is(err, bosh.ErrNotFound):
		return "none of Concourse, " + own
	case err != nil:
		return "those of Concourse, " + own + "; how many is not known, since it does not answer"
	}
	vms := 0
	for _, instance := range list {
		if instance.State != "" {
			vms++
		}
	}
	return fmt.Sprintf("%d of Concourse, %s", vms, own)
}

// confirm wants the installation's name from the flag, or from a person.
func confirm(ctx context.Context, s *session.Session, i *bootstrap.Installation, flag string) error {
	name := s.Given.Config.Name
	switch {
	case flag == name:
		return nil
	case flag != "":
		return fmt.Errorf("destroy: --yes-destroy says %s, but the installation is %s; nothing was changed", flag, name)
	case !s.Interactive():
		return fmt.Errorf("destroy: nobody is there to ask, and nothing was changed; to delete %s with all that is in it: perpetual destroy %s --yes-destroy %s", name, name, name)
	}
	_, _ = fmt.Fprintf(s.Terminal, "%sType its name to go on: ", s.Clean(aboutToGo(ctx, s, i)))
	answer, err := s.Answer(ctx)
	if ctx.Err() != nil {
		_, _ = fmt.Fprintln(s.Terminal)
		return fmt.Errorf("destroy: nothing was changed: %w", context.Cause(ctx))
	}
	if err != nil && answer == "" {
		return errors.New("destroy: no answer, and nothing was changed")
	}
	if strings.TrimSpace(answer) != name {
		return fmt.Errorf("destroy: that is not %s; nothing was changed", name)
	}
	return nil
}
