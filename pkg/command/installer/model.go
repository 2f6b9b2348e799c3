package installer

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/connect/installation"
)

// grammar is what a verb takes.
type grammar struct {
	verb     string
	make     func() any
	settings bool // each key of perpetual.yml is a flag
}

// grammars are those of Verbs.
var grammars = []grammar{
	{"deploy", func() any { return &deployGrammar{} }, true},
	{"plan", func() any { return &planGrammar{} }, true},
	{"status", func() any { return &statusGrammar{} }, true},
	{"info", func() any { return &infoGrammar{} }, true},
	{"destroy", func() any { return &destroyGrammar{} }, true},
	{"resume", func() any { return &resumeGrammar{} }, true},
	{"unlock", func() any { return &unlockGrammar{} }, true},
	{"config", func() any { return &configGrammar{} }, false},
}

// flagsOf are the flags of a verb and of its sub-verbs, and those sub-verbs.
func (g grammar) flagsOf() (flags []*kong.Flag, verbs []*kong.Node) {
	parser, err := kong.New(g.make(), kong.Name(g.verb))
	if err != nil {
		return nil, nil // a test parses each
	}
	root := parser.Model.Node
	flags = append(flags, root.Flags...)
	for _, child := range root.Children {
		flags = append(flags, child.Flags...)
		verbs = append(verbs, child)
	}
	return flags, verbs
}

// Variables are the names of the environment variables that Verbs read.
func Variables() []string {
	names := append(installation.Variables(), environmentPrefix+"NAME")
	for _, s := range config.Settings() {
		names = append(names, s.Env)
	}
	for _, g := range grammars {
		flags, _ := g.flagsOf()
		for _, flag := range flags {
			if name := variableOf(flag); name != "" {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// OnlyFlags are the flags that are never taken from the environment, where they would be
// forgotten.
var OnlyFlags = []string{"yes-destroy", "accept-stored", "force", "help"}

// variableOf is the environment variable that stands for a flag; "" if none does.
func variableOf(flag *kong.Flag) string {
	if flag.Group != nil || slices.Contains(OnlyFlags, flag.Name) {
		return ""
	}
	return environmentPrefix + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
}
