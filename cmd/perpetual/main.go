// Command perpetual is the command line: everything that the resource type does,
// and what people type.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/perpetual-ci/perpetual/pkg/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := command.Main(ctx, os.Args, command.Verbs(), command.Streams{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv,
	})
	stop()
	os.Exit(code)
}
