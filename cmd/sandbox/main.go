// Command sandbox runs the simulators of AWS, GitHub, bosh.io, a BOSH director and
// Concourse: as a demo of a whole self-upgrade or of an installation's whole life, to
// try pipelines against, or to measure the program.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/bench"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/demo"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/demo/installation"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/serve"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) { // then the flags are on stderr
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1)
	}
}

// run chooses what the sandbox does.
func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("run: want a command: demo, serve or bench")
	}
	if args[0] == bench.Verb {
		return bench.Measure(ctx, args[1:], os.Stdin, os.Stdout, os.Stderr)
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	program := flags.String("resource", "bin/resource", "demo, bench: path of the resource's program")
	installer := flags.String("perpetual", "bin/perpetual", "demo: path of the program perpetual")
	var policies []string
	flags.Func("installer-policy", "demo: `file` with an IAM policy of whoever installs, given once for each; without any everything is allowed", func(file string) error {
		text, err := os.ReadFile(file)
		policies = append(policies, string(text))
		return err
	})
	boundary := flags.String("boundary", "", "demo: `file` with the permissions boundary of the roles that are made")
	scenario := flags.String("scenario", demo.Success, "demo: "+demo.Scenarios)
	account := flags.Bool("install", false, "serve: an AWS account in which nothing is installed, for the program perpetual")
	listen := flags.String("listen", "127.0.0.1", "serve: IP `address` of this machine for the servers, so that the containers of a real Concourse reach them; their passwords are published")
	after := flags.Duration("publish-after", 0, "serve: when a newer component set appears, for example 30s; 0 is never")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "demo":
		o := demo.Options{Scenario: *scenario, Options: installation.Options{Program: *program, Installer: *installer, InstallerPolicies: policies, Out: os.Stdout}}
		if *boundary != "" {
			text, err := os.ReadFile(*boundary)
			if err != nil {
				return fmt.Errorf("read the permissions boundary: %w", err)
			}
			o.Boundary = string(text)
		}
		return demo.Run(ctx, o)
	case "serve":
		return serve.Run(ctx, serve.Options{Install: *account, Listen: *listen, PublishAfter: *after, Out: os.Stdout, Err: os.Stderr})
	case "bench":
		return bench.Run(ctx, bench.Options{Program: *program, Others: flags.Args(), Out: os.Stdout})
	}
	return fmt.Errorf("run %s: unknown command; want demo, serve or bench", args[0])
}
