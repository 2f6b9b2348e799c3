// Command resource is the Concourse resource type: /opt/resource/check, in and
// out are links to it.
package main

import (
	"context"
	"os"

	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/command/step"
)

func main() {
	ctx, stop := command.WithSignals(context.Background())
	code := command.Main(ctx, os.Args, step.Verbs(), command.Streams{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv, Environ: os.Environ(),
	})
	stop()
	os.Exit(code)
}
