// Command perpetual is the command line: everything that the resource type does,
// and what people type.
package main

import (
	"context"
	"os"

	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/command/installer"
	"github.com/perpetual-ci/perpetual/pkg/command/step"
)

func main() {
	ctx, stop := command.WithSignals(context.Background())
	code := command.Main(ctx, os.Args, append(installer.Verbs(), step.Verbs()...), command.Streams{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv, Environ: os.Environ(), Variables: installer.Variables(), OnlyFlags: installer.OnlyFlags(),
	})
	stop()
	os.Exit(code)
}
