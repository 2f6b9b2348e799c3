package installer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/command/step"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/docs"
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

// word is a verb with what may come after it.
type word struct {
	name, short string
	verbs       []string // "init"
	flags       []flagWord
}

// flagWord is a flag as it is typed.
type flagWord struct {
	name   string // "--workers-count"
	short  string // for people
	value  bool   // another word, or one after =, belongs to it
	values []string
}

// runCompletion prints a shell's script.
func runCompletion(_ context.Context, c *command.Call) error {
	scripts := map[string]func([]word) string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}
	switch {
	case len(c.Args) == 1 && slices.Contains([]string{"--help", "-h"}, c.Args[0]):
		_, err := fmt.Fprint(c.Out, completionHelp)
		return err
	case len(c.Args) != 1:
		return errors.New("completion: want the name of a shell: bash, zsh or fish")
	case scripts[c.Args[0]] == nil:
		return fmt.Errorf("completion %s: unknown shell; %s", c.Args[0], command.DidYouMean(c.Args[0], []string{"bash", "zsh", "fish"}, "want bash, zsh or fish"))
	}
	_, err := fmt.Fprint(c.Out, scripts[c.Args[0]](words()))
	return err
}

// words are all verbs, as help lists them.
func words() []word {
	var list []word
	for _, v := range append(Verbs(), step.Verbs()...) {
		if slices.ContainsFunc(list, func(w word) bool { return w.name == v.Name }) {
			continue
		}
		w := word{name: v.Name, short: v.Short}
		if at := slices.IndexFunc(grammars, func(g grammar) bool { return g.verb == v.Name }); at >= 0 {
			w.describe(grammars[at])
		}
		switch v.Name {
		case "completion":
			w.verbs = []string{"bash", "zsh", "fish"}
		case "docs":
			w.verbs = docs.Names()
		case "pipeline":
			w.flags = []flagWord{{name: "--var", value: true}, {name: "--yaml-var", value: true}, {name: "--load-vars-from", value: true}}
		case "sign":
			w.flags = []flagWord{{name: "--key", value: true}, {name: "--version", value: true}, {name: "--image", value: true}}
		}
		w.flags = append(w.flags, flagWord{name: "--help", short: "show what it does"})
		list = append(list, w)
	}
	return append(list, word{name: "help", short: "list the commands, or show what one does"})
}

// describe takes the flags of a grammar.
func (w *word) describe(g grammar) {
	flags, verbs := g.flagsOf()
	for _, verb := range verbs {
		w.verbs = append(w.verbs, verb.Name)
	}
	for _, f := range flags {
		name := "--" + f.Name
		if f.Name == "help" || f.Hidden || slices.ContainsFunc(w.flags, func(o flagWord) bool { return o.name == name }) {
			continue
		}
		one := flagWord{name: name, short: firstSentence(f.Help), value: !f.IsBool()}
		if f.Enum != "" {
			one.values = strings.Split(f.Enum, ",")
		}
		w.flags = append(w.flags, one)
	}
	if !g.settings {
		return
	}
	for _, s := range config.Settings() {
		if s.Flag != "" && s.Flag != "name" {
			w.flags = append(w.flags, flagWord{name: "--" + s.Flag, short: firstSentence(s.Help), value: true})
		}
	}
}

// firstSentence is what there is room for.
func firstSentence(text string) string {
	text, _, _ = strings.Cut(text, ". ")
	text, _, _ = strings.Cut(text, ": ")
	return strings.TrimSuffix(text, ".")
}

// names are those of the flags.
func (w word) names() []string {
	var list []string
	for _, f := range w.flags {
		list = append(list, f.name)
	}
	return list
}

// bashCompletion needs no package bash-completion. A flag that has a value gets files
// completed after it.
func bashCompletion(list []word) string {
	var cases, values strings.Builder
	var verbs []string
	taking, known := []string{}, map[string]bool{}
	for _, w := range list {
		verbs = append(verbs, w.name)
		fmt.Fprintf(&cases, "    %s) words=%s ;;\n", w.name, quote(strings.Join(append(slices.Clone(w.verbs), w.names()...), " ")))
		for _, f := range w.flags {
			switch {
			case known[f.name]:
			case len(f.values) > 0:
				fmt.Fprintf(&values, "    %s) COMPREPLY=($(compgen -W %s -- \"$current\")); return ;;\n", f.name, quote(strings.Join(f.values, " ")))
			case f.value:
				taking = append(taking, f.name)
			}
			known[f.name] = true
		}
	}
	return fmt.Sprintf(`# bash completion of perpetual
_perpetual() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]} words=
  COMPREPLY=()
  if [ "$current" = = ]; then
    current=
  elif [ "$previous" = = ]; then
    previous=${COMP_WORDS[COMP_CWORD-2]}
  fi
  if [ "$COMP_CWORD" -le 1 ]; then
    COMPREPLY=($(compgen -W %[1]s -- "$current"))
    return
  fi
  case $previous in
%[2]s    %[3]s) COMPREPLY=($(compgen -f -- "$current")); return ;;
    help) words=%[1]s ;;
  esac
  [ -n "$words" ] || case $verb in
%[4]s  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o filenames -F _perpetual perpetual
`, quote(strings.Join(verbs, " ")), values.String(), strings.Join(append(taking, "-v", "-y", "-l"), "|"), cases.String())
}

// zshCompletion describes what it offers.
func zshCompletion(list []word) string {
	var verbs, cases strings.Builder
	escape := func(text string) string { return strings.NewReplacer(`[`, `\[`, `]`, `\]`, `:`, `\:`).Replace(text) }
	for _, w := range list {
		fmt.Fprintf(&verbs, "    %s\n", quoted(w.name+":"+w.short))
		var specs []string
		for _, f := range w.flags {
			spec := f.name
			if f.value {
				spec += "="
			}
			spec += "[" + escape(f.short) + "]"
			switch {
			case len(f.values) > 0:
				spec += ":value:(" + strings.Join(f.values, " ") + ")"
			case f.value:
				spec += ":value:_files"
			}
			specs = append(specs, quoted(spec))
		}
		if len(w.verbs) > 0 {
			specs = append(specs, quoted("1:verb:("+strings.Join(w.verbs, " ")+")"))
		}
		fmt.Fprintf(&cases, "    %s) _arguments %s ;;\n", w.name, strings.Join(specs, " \\\n      "))
	}
	return fmt.Sprintf(`#compdef perpetual
# zsh completion of perpetual
_perpetual() {
  local -a verbs
  verbs=(
%s  )
  if (( CURRENT == 2 )) || [[ $words[2] == help ]]; then
    _describe command verbs
    return
  fi
  local verb=$words[2]
  shift words
  (( CURRENT-- ))
  case $verb in
%s  esac
}
compdef _perpetual perpetual
`, verbs.String(), cases.String())
}

// fishCompletion is one command a verb and a flag.
func fishCompletion(list []word) string {
	var b strings.Builder
	b.WriteString("# fish completion of perpetual\ncomplete -c perpetual -f\n")
	for _, w := range list {
		fmt.Fprintf(&b, "complete -c perpetual -n __fish_use_subcommand -a %s -d %s\n", w.name, fishQuoted(w.short))
		seen := "'__fish_seen_subcommand_from " + w.name + "'"
		if len(w.verbs) > 0 {
			fmt.Fprintf(&b, "complete -c perpetual -n %s -a %s\n", seen, fishQuoted(strings.Join(w.verbs, " ")))
		}
		for _, f := range w.flags {
			fmt.Fprintf(&b, "complete -c perpetual -n %s -l %s -d %s", seen, strings.TrimPrefix(f.name, "--"), fishQuoted(f.short))
			switch {
			case len(f.values) > 0:
				b.WriteString(" -x -a " + fishQuoted(strings.Join(f.values, " ")))
			case f.value:
				b.WriteString(" -r")
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// quoted is text between single quotes in any case.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// fishQuoted is the same for fish, where a backslash escapes between quotes.
func fishQuoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
