// Package command is a process: its streams and signals, what is masked in its output, its
// environment, its exit codes, and the choice of the verb that its arguments name. The verbs
// themselves, all but version and sign, are in the packages below it.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/plain"
)

// Exit codes.
const (
	ExitOK    = 0
	ExitError = 1  // something did not work; stderr says what, and what to do
	ExitBug   = 70 // a panic; nothing is known to be wrong with the input
	// ExitSignal and the number of the signal that ended the run, as shells have
	// it: 143 for SIGTERM, 130 for SIGINT.
	ExitSignal = 128
)

// Streams are what a process is given.
type Streams struct {
	In  io.Reader
	Out io.Writer // the result and nothing else
	Err io.Writer // everything else
	Env func(string) string
	// Environ are all variables, "NAME=value", of which misspelt ones are refused; nil:
	// they are not looked at.
	Environ []string
	// Variables are the names of those that the verbs of another package read.
	Variables []string
	// OnlyFlags are the flags of those verbs that no variable stands for: "yes-destroy".
	OnlyFlags []string
}

// Verb is a command by name.
type Verb struct {
	Name  string
	Args  string // for help: "DIR"
	Short string // for help
	Usage string // what --help among the arguments prints; "": the verb sees to that itself
	Run   func(context.Context, *Call) error
}

// Main runs the verb that argv names, by its first element (a link called
// check) or its second (perpetual check), and gives the exit code. It prints at
// most one line of error.
func Main(ctx context.Context, argv []string, verbs []Verb, s Streams) (code int) {
	s.In = &contextReader{ctx: ctx, from: s.In}
	out := plain.NewWriter(s.Out)
	c := newCall(s, out)
	c.maskEnvironment()
	defer func() {
		if cause := recover(); cause != nil {
			c.debug.Debug("panic", "stack", string(debug.Stack()))
			_, _ = fmt.Fprintf(c.Err, "error: internal: %v\n", cause)
			code = ExitBug
		}
		_ = out.Flush()
		_ = c.log.Flush()
	}()
	argv, flag, err := takeLevel(argv)
	if err == nil {
		err = c.chooseLevel(flag)
	}
	if err != nil {
		return c.fail(err)
	}
	verb, err := c.choose(argv, verbs)
	if err != nil {
		return c.fail(err)
	}
	if verb == nil {
		_, _ = fmt.Fprint(c.Out, help(filepath.Base(argv[0]), verbs))
		return ExitOK
	}
	if printed, err := c.help(verb); printed {
		if err != nil {
			return c.fail(err)
		}
		return ExitOK
	}
	if err := c.checkEnvironment(verb.Name); err != nil {
		return c.fail(err)
	}
	if err := verb.Run(ctx, c); err != nil {
		if s, ok := signalled(ctx, err); ok {
			_ = c.fail(fmt.Errorf("interrupted by %s: %w; what the director has accepted goes on there", name(s.Signal), err))
			return ExitSignal + int(s.Signal)
		}
		return c.fail(err)
	}
	if c.linked {
		pad(ctx, c.Stdout)
	}
	return ExitOK
}

// contextReader ends a read when its context ends: a signal must not wait for
// somebody to close stdin.
type contextReader struct {
	ctx  context.Context
	from io.Reader
}

// Read implements io.Reader.
func (r *contextReader) Read(p []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	buffer, done := make([]byte, len(p)), make(chan result, 1)
	go func() {
		n, err := r.from.Read(buffer)
		done <- result{n, err}
	}()
	select {
	case <-r.ctx.Done():
		return 0, context.Cause(r.ctx)
	case got := <-done:
		return copy(p, buffer[:got.n]), got.err
	}
}

// installerVerbs are those that the resource's program does not have.
var installerVerbs = []string{"deploy", "plan", "status", "info", "destroy", "config", "completion", "docs"}

// choose finds the verb; nil is a wish for help.
func (c *Call) choose(argv []string, verbs []Verb) (*Verb, error) {
	if len(argv) == 0 {
		return nil, errors.New("run: the program's name is missing")
	}
	for i := range verbs {
		if filepath.Base(argv[0]) == verbs[i].Name {
			c.Args, c.linked = argv[1:], true
			return &verbs[i], nil
		}
	}
	if len(argv) == 1 || argv[1] == "--help" || argv[1] == "-h" {
		return nil, nil
	}
	if argv[1] == "help" {
		if len(argv) == 2 {
			return nil, nil
		}
		argv = []string{argv[0], argv[2], "--help"}
	}
	name := strings.TrimPrefix(argv[1], "--") // --version, as people type it
	for i := range verbs {
		if name == verbs[i].Name {
			c.Args = argv[2:]
			return &verbs[i], nil
		}
	}
	if slices.Contains(installerVerbs, name) {
		return nil, fmt.Errorf("run %q: this is the program of the resource type; %s is in the installer (the image's target installer, or cmd/perpetual)", argv[1], name)
	}
	return nil, fmt.Errorf("run %q: unknown command; %s", argv[1], DidYouMean(name, names(verbs), "try help"))
}

// names are those of the verbs of a program, and of the installer's for whoever has
// the other program.
func names(verbs []Verb) []string {
	list := append([]string{"help"}, installerVerbs...)
	for _, v := range verbs {
		list = append(list, v.Name)
	}
	return list
}

// fail prints an error as one line.
func (c *Call) fail(err error) int {
	var code *CodeError
	if errors.As(err, &code) {
		return code.Code
	}
	line := plain.Line(c.Masked(strings.Join(strings.Fields(err.Error()), " ")))
	if c.failure != nil {
		c.failure(line)
	} else {
		_, _ = fmt.Fprintf(c.Err, "error: %s\n", line)
	}
	return ExitError
}

// requestVariable holds the request where there is no stdin: a task's container
// has none, and its params are environment variables, into which Concourse
// writes an object as JSON.
const requestVariable = "PERPETUAL_REQUEST"

// Request is where the request of a step comes from.
func (c *Call) Request() io.Reader {
	if text := c.Env(requestVariable); text != "" {
		return strings.NewReader(text)
	}
	c.sayWaiting()
	return c.In
}

// Dir is the directory argument of in and out.
func (c *Call) Dir() (string, error) {
	if len(c.Args) != 1 || c.Args[0] == "" {
		return "", errors.New("run: want exactly one argument, a directory")
	}
	return c.Args[0], nil
}

// help lists the verbs.
func help(program string, verbs []Verb) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s keeps a Concourse CI upgraded by itself.\n\nUsage:\n", program)
	for i, v := range verbs {
		if slices.ContainsFunc(verbs[:i], func(earlier Verb) bool { return earlier.Name == v.Name }) {
			continue // the first of a name is the one that runs
		}
		usage := strings.TrimSpace(v.Name + " " + v.Args)
		if len(usage) > 20 {
			fmt.Fprintf(&b, "  %s %s\n  %*s %s\n", program, usage, len(program)+20, "", v.Short)
			continue
		}
		fmt.Fprintf(&b, "  %s %-20s%s\n", program, usage, v.Short)
	}
	fmt.Fprintf(&b, "\nWith %s debug, or %s=debug, stderr tells exchanges and decisions.\n", levelFlag, levelVariable)
	changes := ""
	if slices.ContainsFunc(verbs, func(v Verb) bool { return v.Name == "plan" }) {
		changes = "2 plan has found changes, "
	}
	fmt.Fprintf(&b, "\nExit codes: 0 done, 1 error (one line on stderr), %s70 a bug in this program,\n130 ended by SIGINT, 143 ended by SIGTERM.\n", changes)
	return b.String()
}
