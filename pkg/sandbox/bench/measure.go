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
	check  func(out []byte) error
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
	process := exec.CommandContext(ctx, c.name, c.args...)
	var out, problems bytes.Buffer
	process.Stdin, process.Stdout, process.Stderr = input, &out, &problems
	begin := time.Now()
	err = process.Run()
	wall = time.Since(begin)
	var exit *exec.ExitError
	if c.fails && errors.As(err, &exit) {
		err = nil
	} else if err != nil {
		return 0, 0, 0, fmt.Errorf("%w: %s", err, strings.TrimSpace(problems.String()))
	}
	if c.check != nil {
		if err := c.check(out.Bytes()); err != nil {
			return 0, 0, 0, err
		}
	}
	state := process.ProcessState
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0, 0, 0, errors.New("this system does not tell what a process used")
	}
	return wall, state.UserTime() + state.SystemTime(), usage.Maxrss * 1024, nil
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
