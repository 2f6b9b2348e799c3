package installation

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// command is one run of the program perpetual.
type command struct {
	who   string // on the timeline
	dir   string
	env   map[string]string // all of its environment
	shell string            // that runs it; empty: nobody does
	args  []string
	log   io.Writer // gets what it writes to stderr, too
}

// deployed is what deploy says with --output json.
type deployed struct {
	Changed bool   `json:"changed"`
	URL     string `json:"url"`  // "https://127.80.100.1:8443"
	Task    int    `json:"task"` // 7
	Steps   []struct {
		Step   string `json:"step"`   // "infrastructure"
		Status string `json:"status"` // "changed", "up to date"
	} `json:"steps"`
}

// status is how a step ended; "" if it was not done.
func (d deployed) status(step string) string {
	for _, s := range d.Steps {
		if s.Step == step {
			return s.Status
		}
	}
	return ""
}

// order are the steps as they were done.
func (d deployed) order() string {
	names := make([]string, len(d.Steps))
	for i, s := range d.Steps {
		names[i] = s.Step
	}
	return strings.Join(names, " ")
}

// perform runs the program, puts its progress on the timeline and decodes its result.
func (i *install) perform(ctx context.Context, c command, result any) error {
	c.args = append(slices.Clone(c.args), "--output", "json")
	events := &eventReader{install: i, command: c}
	stdout, err := i.run(ctx, c, events)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(stdout), result); err != nil {
		return fmt.Errorf("decode what perpetual %s has printed: %w", c.args[0], err)
	}
	return nil
}

// show runs the program and shows what it prints to people.
func (i *install) show(ctx context.Context, c command) error {
	i.line.Add(c.who, "$ perpetual "+strings.Join(c.args, " "))
	stdout, err := i.run(ctx, c, io.Discard)
	i.line.Text(stdout)
	return err
}

// run runs the program to its end. An error says the last line of its stderr.
func (i *install) run(ctx context.Context, c command, stderr io.Writer) (stdout string, err error) {
	var out bytes.Buffer
	last := &lastLine{}
	all := []io.Writer{stderr, last}
	if c.log != nil {
		all = append(all, c.log)
	}
	process := exec.CommandContext(ctx, cmp.Or(c.shell, i.installer), c.args...)
	process.Dir, process.Stdout, process.Stderr = c.dir, &out, io.MultiWriter(all...)
	for _, name := range slices.Sorted(maps.Keys(c.env)) {
		process.Env = append(process.Env, name+"="+c.env[name])
	}
	process.Cancel = func() error { return process.Process.Signal(syscall.SIGTERM) }
	process.WaitDelay = 10 * time.Second
	err = process.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return out.String(), &exitError{c.args[0], exit.ExitCode(), last.message()}
	}
	if err != nil {
		return "", fmt.Errorf("run perpetual %s: %w", c.args[0], err)
	}
	return out.String(), nil
}

// exitError is how a run of the program has failed.
type exitError struct {
	verb string // "deploy"
	code int    // 1
	text string // the last line of its stderr
}

// Error implements error.
func (e *exitError) Error() string {
	return fmt.Sprintf("perpetual %s exited with %d: %s", e.verb, e.code, e.text)
}

// lastLine keeps the last line that was written.
type lastLine struct{ text, partial string }

// message is the line, or what it says if it is one of progress.
func (l *lastLine) message() string {
	var e event
	if err := json.Unmarshal([]byte(l.text), &e); err == nil && e.Text != "" {
		return e.Text
	}
	return l.text
}

// Write implements io.Writer.
func (l *lastLine) Write(p []byte) (int, error) {
	lines := strings.Split(l.partial+string(p), "\n")
	l.partial = lines[len(lines)-1]
	if len(lines) > 1 {
		l.text = lines[len(lines)-2]
	}
	return len(p), nil
}

// event is a line of progress, as far as it is shown.
type event struct {
	Event  string `json:"event"`  // "begin", "note", "end", "warning", "error"
	Step   string `json:"step"`   // "infrastructure"
	Status string `json:"status"` // of an end: "changed"
	Text   string `json:"text"`
}

// eventReader reads progress as --output json has it, an object a line.
type eventReader struct {
	install *install
	command command
	partial []byte
}

// Write implements io.Writer.
func (r *eventReader) Write(p []byte) (int, error) {
	r.partial = append(r.partial, p...)
	for {
		n, line, _ := bufio.ScanLines(r.partial, false)
		if n == 0 {
			return len(p), nil
		}
		r.partial = r.partial[n:]
		var e event
		if err := json.Unmarshal(line, &e); err == nil {
			r.install.progressed(r.command.who, e)
		}
	}
}

// progressed tells how a step has ended, and what people are warned of.
func (i *install) progressed(who string, e event) {
	switch e.Event {
	case "end":
		i.stack.close(i.line, e.Step)
		text := e.Text
		if !strings.HasPrefix(text, e.Status) {
			text = e.Status + ": " + text
		}
		i.line.Add(who, fmt.Sprintf("%-14s %s", e.Step, shorten(text)))
	case "note":
		if way, is := strings.CutPrefix(e.Text, "way: "); is {
			i.facts.ways = append(i.facts.ways, way)
			i.line.Add(who, e.Text)
		}
	case "warning", "error":
		i.line.Add(who, e.Event+": "+strings.TrimPrefix(e.Text, e.Event+": "))
	}
}

// widest is how much of a text the timeline shows.
const widest = 110

// shorten cuts what is too long for a line.
func shorten(text string) string {
	if runes := []rune(text); len(runes) > widest {
		return string(runes[:widest-1]) + "…"
	}
	return text
}
