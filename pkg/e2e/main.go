// Command e2e proves the self-upgrade on a real Concourse: web, workers and
// their containers are the real ones, started on this machine; the director and
// the upstreams are this project's simulators, and the director's instances are
// those real processes. It needs Debian and root, and leaves nothing behind but
// a report and a cache of what it built.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	which := flag.String("scenario", "all", "number of the scenario, or several with commas")
	root := flag.String("root", "../..", "the repository")
	report := flag.String("report", "../../e2e-report.md", "file for the report")
	lanes := flag.Int("lanes", 4, "how many scenarios run at the same time")
	flag.Parse()
	signal.Ignore(syscall.SIGPIPE) // who reads the timeline may go; clearing away goes on
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := play(ctx, *which, *root, *report, *lanes); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "error:", err)
		stop()
		os.Exit(1)
	}
}

// play builds what is needed, plays the scenarios and writes the report.
func play(ctx context.Context, which, root, report string, lanes int) error {
	chosen, err := choose(which)
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return errors.New("root is needed: workers run containers")
	}
	if root, err = filepath.Abs(root); err != nil {
		return err
	}
	line := newTimeline(os.Stdout, "*")
	t, err := newTools(root, line)
	if err != nil {
		return err
	}
	defer t.release()
	set, err := t.prepare(ctx, concourses(chosen))
	if err != nil {
		return err
	}
	r := &runner{tools: t, images: set, launcher: newLauncher()}
	before := containerGroups()
	performances := r.run(ctx, chosen, lanes)
	removeGroups(before)
	line.add("all", "over")
	if err := writeReport(report, line, performances); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("interrupted: everything that was started has been ended: %w", err)
	}
	return verdict(performances, report)
}
