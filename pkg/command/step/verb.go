package step

import (
	"github.com/perpetual-ci/perpetual/pkg/command"
)

// Verbs are the commands of the resource type, and those that need no installer.
func Verbs() []command.Verb {
	return []command.Verb{
		{Name: "check", Short: "find versions; JSON on stdin, JSON on stdout", Usage: checkUsage, Run: runCheck},
		{Name: "in", Args: "DIR", Short: "fetch a version into DIR; JSON on stdin, JSON on stdout", Usage: inUsage, Run: runIn},
		{Name: "out", Args: "DIR", Short: "start an upgrade from the inputs in DIR; JSON on stdin, JSON on stdout", Usage: outUsage, Run: runOut},
		command.VersionVerb(),
		{Name: "pipeline", Args: "[-v NAME=VALUE] [-y NAME=YAML] [-l FILE]", Short: "print the bundled self-upgrade pipeline for fly set-pipeline", Run: runPipeline},
		command.SignVerb(),
		{Name: "resume", Args: "[--force]", Short: "unpause what a quiet upgrade has paused; JSON on stdin", Run: Resume},
		{Name: "unlock", Args: "--id ID", Short: "break the lease of a dead run; JSON on stdin", Run: Unlock},
	}
}

const checkUsage = `perpetual check finds versions: of components, or of a deployment's deploys.

Usage:
  perpetual check < request.json

The request on stdin is what Concourse writes: {"source": {…}}, with the "version"
after which to look. stdout has the versions, oldest first. In a task, whose container
has no stdin, the request is the variable PERPETUAL_REQUEST.
`

const inUsage = `perpetual in fetches a version into a directory.

Usage:
  perpetual in DIR < request.json

The request on stdin is what Concourse writes: {"source": {…}, "version": {…}}, with
the "params" of a get. stdout has the version and its metadata. In a task, whose
container has no stdin, the request is the variable PERPETUAL_REQUEST.
`

const outUsage = `perpetual out starts an upgrade from the inputs in a directory.

Usage:
  perpetual out DIR < request.json

The request on stdin is what Concourse writes: {"source": {…}, "params": {…}}, with
paths in params below DIR. stdout has the version, a task of the director, and its
metadata. In a task, whose container has no stdin, the request is the variable
PERPETUAL_REQUEST. With "dry_run": true in params nothing is changed.
`
