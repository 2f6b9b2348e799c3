package installer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/command/grammar"
	"github.com/perpetual-ci/perpetual/pkg/command/step"
	"github.com/perpetual-ci/perpetual/pkg/docs"
	"github.com/perpetual-ci/perpetual/pkg/shell"
)

// completionHelp is what --help says.
const completionHelp = `perpetual completion prints a script that completes commands and flags in a shell.

Usage:
  perpetual completion bash|zsh|fish

In this shell, and, with the line in the file on the right, in every new one:
  bash  source <(perpetual completion bash)     in ~/.bashrc
  zsh   source <(perpetual completion zsh)      in ~/.zshrc, after compinit
  fish  perpetual completion fish | source      in ~/.config/fish/config.fish
`

// runCompletion prints a shell's script.
func runCompletion(_ context.Context, c *command.Call) error {
	switch {
	case len(c.Args) == 1 && slices.Contains([]string{"--help", "-h"}, c.Args[0]):
		_, err := fmt.Fprint(c.Out, completionHelp)
		return err
	case len(c.Args) != 1:
		return errors.New("completion: want the name of a shell: bash, zsh or fish")
	case !slices.Contains(shell.Names(), c.Args[0]):
		return fmt.Errorf("completion %s: unknown shell; %s", c.Args[0], command.DidYouMean(c.Args[0], shell.Names(), "want bash, zsh or fish"))
	}
	_, err := fmt.Fprint(c.Out, shell.Completion(c.Args[0], words()))
	return err
}

// words are all verbs, as help lists them.
func words() []shell.Word {
	var list []shell.Word
	for _, v := range append(Verbs(), step.Verbs()...) {
		if slices.ContainsFunc(list, func(w shell.Word) bool { return w.Name == v.Name }) {
			continue
		}
		w := shell.Word{Name: v.Name, Short: v.Short}
		if g, ok := grammar.Of(v.Name); ok {
			describe(&w, g)
		}
		switch v.Name {
		case "completion":
			w.Verbs = shell.Names()
		case "docs":
			w.Verbs = docs.Names()
		case "pipeline":
			w.Flags = []shell.Flag{{Name: "--var", Value: true}, {Name: "--yaml-var", Value: true}, {Name: "--load-vars-from", Value: true}}
		case "sign":
			w.Flags = []shell.Flag{{Name: "--key", Value: true}, {Name: "--version", Value: true}, {Name: "--image", Value: true}}
		}
		w.Flags = append(w.Flags, shell.Flag{Name: "--help", Short: "show what it does"})
		list = append(list, w)
	}
	return append(list, shell.Word{Name: "help", Short: "list the commands, or show what one does"})
}

// describe adds the flags of a grammar.
func describe(w *shell.Word, g grammar.Grammar) {
	verbs, flags := g.Words()
	w.Verbs = append(w.Verbs, verbs...)
	for _, f := range flags {
		name := "--" + f.Name
		if !slices.ContainsFunc(w.Flags, func(o shell.Flag) bool { return o.Name == name }) {
			w.Flags = append(w.Flags, shell.Flag{Name: name, Short: firstSentence(f.Help), Value: f.Value, Values: f.Values})
		}
	}
}

// firstSentence is what there is room for.
func firstSentence(text string) string {
	text, _, _ = strings.Cut(text, ". ")
	text, _, _ = strings.Cut(text, ": ")
	return strings.TrimSuffix(text, ".")
}
