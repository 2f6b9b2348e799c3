package command

import (
	"fmt"
	"slices"

	"golang.org/x/term"
)

// help prints the usage of a verb that has one, where the arguments ask for it.
func (c *Call) help(v *Verb) (printed bool, err error) {
	if v.Usage == "" || !slices.ContainsFunc(c.Args, func(a string) bool { return a == "--help" || a == "-h" || a == "-help" }) {
		return false, nil
	}
	_, err = fmt.Fprint(c.Out, v.Usage)
	return true, err
}

// sayWaiting tells a person at a terminal what is waited for.
func (c *Call) sayWaiting() {
	f, ok := c.In.(interface{ Fd() uintptr })
	if ok && term.IsTerminal(int(f.Fd())) {
		c.Notify("reading the request, in JSON, from the terminal until Ctrl-D; --help says what it is")
	}
}
