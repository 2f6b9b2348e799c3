package command

import (
	"fmt"
	"slices"

	"golang.org/x/term"
)

// usages are what --help says of the verbs that Concourse runs, and of version.
var usages = map[string]string{
	"check": `perpetual check finds versions: of components, or of a deployment's deploys.

Usage:
  perpetual check < request.json

The request on stdin is what Concourse writes: {"source": {…}}, with the "version"
after which to look. stdout has the versions, oldest first. In a task, whose container
has no stdin, the request is the variable PERPETUAL_REQUEST.
`,
	"in": `perpetual in fetches a version into a directory.

Usage:
  perpetual in DIR < request.json

The request on stdin is what Concourse writes: {"source": {…}, "version": {…}}, with
the "params" of a get. stdout has the version and its metadata. In a task, whose
container has no stdin, the request is the variable PERPETUAL_REQUEST.
`,
	"out": `perpetual out starts an upgrade from the inputs in a directory.

Usage:
  perpetual out DIR < request.json

The request on stdin is what Concourse writes: {"source": {…}, "params": {…}}, with
paths in params below DIR. stdout has the version, a task of the director, and its
metadata. In a task, whose container has no stdin, the request is the variable
PERPETUAL_REQUEST. With "dry_run": true in params nothing is changed.
`,
	"version": `perpetual version prints the version, the commit that it was built from, and the date
of that commit.

Usage:
  perpetual version
`,
}

// help prints the usage of one of these verbs, where the arguments ask for it.
func (c *Call) help(verb string) (printed bool, err error) {
	usage, ok := usages[verb]
	if !ok || !slices.ContainsFunc(c.Args, func(a string) bool { return a == "--help" || a == "-h" || a == "-help" }) {
		return false, nil
	}
	_, err = fmt.Fprint(c.Out, usage)
	return true, err
}

// sayWaiting tells a person at a terminal what is waited for.
func (c *Call) sayWaiting() {
	f, ok := c.In.(interface{ Fd() uintptr })
	if ok && term.IsTerminal(int(f.Fd())) {
		c.Notify("reading the request, in JSON, from the terminal until Ctrl-D; --help says what it is")
	}
}
