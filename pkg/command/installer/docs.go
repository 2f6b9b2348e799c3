package installer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/docs"
)

// docsHelp is what --help says.
const docsHelp = `perpetual docs prints the documents of this version, in Markdown.

Usage:
  perpetual docs           list the topics
  perpetual docs TOPIC     print one, for example: perpetual docs costs | less
`

// runDocs prints a document, or the list of them.
func runDocs(_ context.Context, c *command.Call) error {
	switch {
	case len(c.Args) == 0:
		return listTopics(c)
	case len(c.Args) > 1:
		return errors.New("docs: want one topic at most; perpetual docs lists them")
	case slices.Contains([]string{"--help", "-h"}, c.Args[0]):
		_, err := fmt.Fprint(c.Out, docsHelp)
		return err
	case !slices.Contains(docs.Names(), c.Args[0]):
		return fmt.Errorf("docs %s: unknown topic; %s", c.Args[0], command.DidYouMean(c.Args[0], docs.Names(), "perpetual docs lists them"))
	}
	text, err := docs.Text(c.Args[0])
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(c.Out, text)
	return err
}

// listTopics prints each topic with its title.
func listTopics(c *command.Call) error {
	topics, err := docs.Topics()
	if err != nil {
		return err
	}
	for _, t := range topics {
		if _, err := fmt.Fprintf(c.Out, "%-15s%s\n", t.Name, t.Title); err != nil {
			return err
		}
	}
	return nil
}
