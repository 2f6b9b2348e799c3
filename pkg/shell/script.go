// Package shell writes what shells evaluate: scripts that set variables, and those that
// complete a program's commands and flags.
package shell

import (
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Script is a script for eval in a POSIX shell. It has no comments, which an interactive zsh
// does not take, and makes files where the shell runs: the program may run in a container.
type Script struct {
	strings.Builder
	Name    string   // of the installation, whose files are apart from those of others
	Secrets bool     // whether credentials are in it
	Left    []string // variables that are not in it without Secrets
}

// Set sets a variable, or unsets it for "".
func (sh *Script) Set(name, value string) {
	if value == "" {
		fmt.Fprintf(&sh.Builder, "unset %s\n", name)
		return
	}
	fmt.Fprintf(&sh.Builder, "export %s=%s\n", name, Quote(value))
}

// Credential sets a variable to a secret where secrets were asked for.
func (sh *Script) Credential(name string, value secret.Value) {
	if sh.Secrets || value.Empty() {
		sh.Set(name, value.Reveal())
		return
	}
	sh.Left = append(sh.Left, name)
	sh.Set(name, "")
}

// File writes a file that only its owner reads, and sets a variable to its path.
func (sh *Script) File(variable, name, content string) {
	fmt.Fprintf(&sh.Builder, "export %s=\"${XDG_CACHE_HOME:-$HOME/.cache}\"/perpetual/%s\n", variable, Quote(sh.Name+"/"+name))
	fmt.Fprintf(&sh.Builder, `(umask 077 && mkdir -p "${%[1]s%%/*}" && rm -f "$%[1]s" && printf '%%s\n' %[2]s >"$%[1]s")
`, variable, Quote(strings.TrimRight(content, "\n")))
}
