// Package bench measures the program as whole processes, beside curl and
// sha256sum in the same run, and prints a table.
package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// command is what is measured.
type command struct {
	name   string
	args   []string
	stdin  any          // encoded as JSON, unless it is a string
	fails  bool         // it must exit with an error
	before func() error // makes each run a fresh one
}

// cost is what one case costs.
type cost struct {
	wall, cpu time.Duration // medians
	memory    int64         // bytes of resident memory, the maximum
}

// measure runs a command some times after one warm-up.
func measure(ctx context.Context, c command, runs int) (cost, error) {
	var walls, cpus []time.Duration
	var result cost
	for i := range runs + 1 {
		wall, cpu, memory, err := once(ctx, c)
		if err != nil {
			return cost{}, fmt.Errorf("run %s: %w", c.name, err)
		}
		if i == 0 {
			continue
		}
		walls, cpus = append(walls, wall), append(cpus, cpu)
		result.memory = max(result.memory, memory)
	}
	result.wall, result.cpu = median(walls), median(cpus)
	return result, nil
}

func once(ctx context.Context, c command) (wall, cpu time.Duration, memory int64, err error) {
	if c.before != nil {
		if err := c.before(); err != nil {
			return 0, 0, 0, err
		}
	}
	input, err := encode(c.stdin)
	if err != nil {
		return 0, 0, 0, err
	}
	// A process of its own starts the program: the system charges a child with
	// the memory of its parent at the moment of the start, and this one holds
	// the simulators.
	self, err := os.Executable()
	if err != nil {
		return 0, 0, 0, err
	}
	process := exec.CommandContext(ctx, self, append([]string{Verb, c.name}, c.args...)...)
	var out, problems bytes.Buffer
	process.Stdin, process.Stdout, process.Stderr = input, &out, &problems
	if err := process.Run(); err != nil {
		return 0, 0, 0, fmt.Errorf("%w: %s", err, strings.TrimSpace(problems.String()))
	}
	var u usage
	if err := json.Unmarshal(out.Bytes(), &u); err != nil {
		return 0, 0, 0, fmt.Errorf("decode what was measured: %w", err)
	}
	if (u.Exit != 0) != c.fails {
		return 0, 0, 0, fmt.Errorf("it exited with %d: %s", u.Exit, strings.TrimSpace(problems.String()))
	}
	return u.Wall, u.CPU, u.Memory, nil
}

// Verb is the command of the program that calls Measure.
const Verb = "measure"

// usage is what Measure prints.
type usage struct {
	Wall   time.Duration `json:"wall"`   // nanoseconds
	CPU    time.Duration `json:"cpu"`    // nanoseconds, user and system
	Memory int64         `json:"memory"` // bytes, the maximum that was resident
	Exit   int           `json:"exit"`
}

// Measure runs one program with this process's stdin and stderr, and prints
// what it used as JSON.
func Measure(ctx context.Context, argv []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(argv) == 0 {
		return errors.New("measure: want a program")
	}
	process := exec.CommandContext(ctx, argv[0], argv[1:]...)
	process.Stdin, process.Stderr = stdin, stderr
	begin := time.Now()
	err := process.Run()
	wall := time.Since(begin)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	state := process.ProcessState
	used, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return errors.New("measure: this system does not tell what a process used")
	}
	return json.NewEncoder(stdout).Encode(usage{
		Wall: wall, CPU: state.UserTime() + state.SystemTime(), Memory: used.Maxrss * 1024, Exit: state.ExitCode(),
	})
}

func encode(stdin any) (io.Reader, error) {
	if text, ok := stdin.(string); ok {
		return strings.NewReader(text), nil
	}
	if stdin == nil {
		return strings.NewReader(""), nil
	}
	text, err := json.Marshal(stdin)
	return bytes.NewReader(text), err
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}
