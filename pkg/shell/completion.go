package shell

import (
	"fmt"
	"slices"
	"strings"
)

// Word is a command of a program with what may come after it.
type Word struct {
	Name, Short string   // "deploy", and what it does
	Verbs       []string // "init"
	Flags       []Flag
}

// Flag is a flag as it is typed.
type Flag struct {
	Name   string   // "--workers-count"
	Short  string   // what it does
	Value  bool     // another word, or one after =, belongs to it
	Values []string // those that it may have; empty: any
}

// Names are the shells that Completion writes for.
func Names() []string { return []string{"bash", "zsh", "fish"} }

// Completion is the script that completes the commands and flags of the program perpetual in
// a shell; "" for a shell that is not known.
func Completion(name string, words []Word) string {
	write := map[string]func([]Word) string{"bash": bash, "zsh": zsh, "fish": fish}[name]
	if write == nil {
		return ""
	}
	return write(words)
}

// names are those of the flags.
func (w Word) names() []string {
	var list []string
	for _, f := range w.Flags {
		list = append(list, f.Name)
	}
	return list
}

// bash needs no package bash-completion. A flag that has a value gets files
// completed after it.
func bash(list []Word) string {
	var cases, values strings.Builder
	var verbs []string
	taking, known := []string{}, map[string]bool{}
	for _, w := range list {
		verbs = append(verbs, w.Name)
		fmt.Fprintf(&cases, "    %s) words=%s ;;\n", w.Name, Quote(strings.Join(append(slices.Clone(w.Verbs), w.names()...), " ")))
		for _, f := range w.Flags {
			switch {
			case known[f.Name]:
			case len(f.Values) > 0:
				fmt.Fprintf(&values, "    %s) COMPREPLY=($(compgen -W %s -- \"$current\")); return ;;\n", f.Name, Quote(strings.Join(f.Values, " ")))
			case f.Value:
				taking = append(taking, f.Name)
			}
			known[f.Name] = true
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
`, Quote(strings.Join(verbs, " ")), values.String(), strings.Join(append(taking, "-v", "-y", "-l"), "|"), cases.String())
}

// zsh describes what it offers.
func zsh(list []Word) string {
	var verbs, cases strings.Builder
	escape := func(text string) string { return strings.NewReplacer(`[`, `\[`, `]`, `\]`, `:`, `\:`).Replace(text) }
	for _, w := range list {
		fmt.Fprintf(&verbs, "    %s\n", quoted(w.Name+":"+w.Short))
		var specs []string
		for _, f := range w.Flags {
			spec := f.Name
			if f.Value {
				spec += "="
			}
			spec += "[" + escape(f.Short) + "]"
			switch {
			case len(f.Values) > 0:
				spec += ":value:(" + strings.Join(f.Values, " ") + ")"
			case f.Value:
				spec += ":value:_files"
			}
			specs = append(specs, quoted(spec))
		}
		if len(w.Verbs) > 0 {
			specs = append(specs, quoted("1:verb:("+strings.Join(w.Verbs, " ")+")"))
		}
		fmt.Fprintf(&cases, "    %s) _arguments %s ;;\n", w.Name, strings.Join(specs, " \\\n      "))
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

// fish is one command a verb and a flag.
func fish(list []Word) string {
	var b strings.Builder
	b.WriteString("# fish completion of perpetual\ncomplete -c perpetual -f\n")
	for _, w := range list {
		fmt.Fprintf(&b, "complete -c perpetual -n __fish_use_subcommand -a %s -d %s\n", w.Name, fishQuoted(w.Short))
		seen := "'__fish_seen_subcommand_from " + w.Name + "'"
		if len(w.Verbs) > 0 {
			fmt.Fprintf(&b, "complete -c perpetual -n %s -a %s\n", seen, fishQuoted(strings.Join(w.Verbs, " ")))
		}
		for _, f := range w.Flags {
			fmt.Fprintf(&b, "complete -c perpetual -n %s -l %s -d %s", seen, strings.TrimPrefix(f.Name, "--"), fishQuoted(f.Short))
			switch {
			case len(f.Values) > 0:
				b.WriteString(" -x -a " + fishQuoted(strings.Join(f.Values, " ")))
			case f.Value:
				b.WriteString(" -r")
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}
