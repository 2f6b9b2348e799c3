package command

import (
	"context"
	"fmt"
	"runtime/debug"
)

// Version is set when a release is built: -ldflags "-X …/pkg/command.Version=1.3.0".
var Version = "0.0.0-dev"

// runVersion prints the version and the commit that it was built from.
func runVersion(_ context.Context, c *call) error {
	commit := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = " (" + s.Value + ")"
			}
		}
	}
	_, err := fmt.Fprintf(c.Out, "%s%s\n", Version, commit)
	return err
}
