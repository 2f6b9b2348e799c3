// Package installer is the command line of an installation: deploy, plan, status, info,
// destroy, resume, unlock, config, completion and docs. It reads what the user gives, has
// pkg/bootstrap or another package do it, and shows how it goes (session) and what came of
// it (report). The resource type does not link it.
package installer

import (
	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/command/grammar"
	"github.com/perpetual-ci/perpetual/pkg/connect/installation"
)

// Verbs are the commands for people who install and keep a Concourse. They go before
// those of pkg/command/step: resume and unlock take the place of those there, and do their
// work where no name is given.
func Verbs() []command.Verb {
	return []command.Verb{
		{Name: "deploy", Args: "[NAME]", Short: aboutDeploy, Run: runDeploy},
		{Name: "plan", Args: "[NAME]", Short: aboutPlan, Run: runPlan},
		{Name: "status", Args: "[NAME]", Short: aboutStatus, Run: runStatus},
		{Name: "info", Args: "[NAME]", Short: aboutInfo, Run: runInfo},
		{Name: "destroy", Args: "[NAME]", Short: aboutDestroy, Run: runDestroy},
		{Name: "resume", Args: "[NAME] [--force]", Short: aboutResume, Run: runResume},
		{Name: "unlock", Args: "[NAME] --id ID", Short: aboutUnlock, Run: runUnlock},
		{Name: "config", Args: "init|validate|schema", Short: aboutConfig, Run: runConfig},
		{Name: "completion", Args: "bash|zsh|fish", Short: aboutCompletion, Run: runCompletion},
		{Name: "docs", Args: "[TOPIC]", Short: aboutDocs, Run: runDocs},
	}
}

// What the verbs are for, one line each.
const (
	aboutDeploy  = "install a Concourse with all that is under it, or bring it up to date"
	aboutPlan    = "show what deploy would change, and what it costs a month; exit code 2 if anything"
	aboutStatus  = "show how an installation is: director, web node and workers"
	aboutInfo    = "print addresses, versions and certificates, from the state alone"
	aboutDestroy = "delete an installation with all that is in it"
	aboutResume  = "unpause what a quiet upgrade has paused; without a name that of the request on stdin"
	aboutUnlock  = "break the lease of a dead run; without a name that of the request on stdin"
	aboutConfig  = "write, check and describe perpetual.yml"

	aboutCompletion = "print the script that completes commands and flags in a shell"
	aboutDocs       = "print a document of this version, or list the topics"
)

// Variables are the names of the environment variables that Verbs read.
func Variables() []string { return append(grammar.Variables(), installation.Variables()...) }

// OnlyFlags are the flags that are never taken from the environment.
func OnlyFlags() []string { return grammar.OnlyFlags }
