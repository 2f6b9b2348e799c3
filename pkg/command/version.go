package command

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"time"
)

// Version, Commit and Date are set when a release is built, with -ldflags
// "-X …/pkg/command.Version=1.3.0" and so on. Commit and Date, which is that of the
// commit so that two builds are the same, are otherwise what Go has noted itself.
var (
	Version = "0.0.0-dev"
	Commit  = ""
	Date    = "" // "2026-11-29T06:16:10Z"
)

// VersionVerb is the verb version.
func VersionVerb() Verb {
	return Verb{Name: "version", Short: "print the version", Usage: versionUsage, Run: runVersion}
}

const versionUsage = `perpetual version prints the version, the commit that it was built from, and the date
of that commit.

Usage:
  perpetual version
`

// runVersion prints the version, and the commit that it was built from with its date.
func runVersion(_ context.Context, c *Call) error {
	if len(c.Args) > 0 {
		return fmt.Errorf("version: unexpected argument %q", c.Args[0])
	}
	settings := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
	}
	_, err := fmt.Fprintln(c.Out, describeVersion(settings))
	return err
}

// describeVersion is "1.3.0 (commit 4a66d4f…, 2026-11-29T06:16:10Z)".
func describeVersion(settings map[string]string) string {
	commit, date := Commit, Date
	if commit == "" {
		commit, date = settings["vcs.revision"], settings["vcs.time"]
		if commit != "" && settings["vcs.modified"] == "true" {
			commit += " with changes"
		}
	}
	if commit == "" {
		return Version
	}
	parts := []string{"commit " + commit}
	if at, err := time.Parse(time.RFC3339, date); err == nil {
		parts = append(parts, at.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("%s (%s)", Version, strings.Join(parts, ", "))
}
