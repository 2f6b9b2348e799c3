package grammar

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/perpetual-ci/perpetual/pkg/config"
)

// Grammar is what a verb takes.
type Grammar struct {
	Verb     string // "deploy"
	Settings bool   // each key of perpetual.yml is a flag
	make     func() any
}

// grammars are those of all verbs.
var grammars = []Grammar{
	{"deploy", true, func() any { return &Deploy{} }},
	{"plan", true, func() any { return &Plan{} }},
	{"status", true, func() any { return &Status{} }},
	{"info", true, func() any { return &Info{} }},
	{"destroy", true, func() any { return &Destroy{} }},
	{"resume", true, func() any { return &Resume{} }},
	{"unlock", true, func() any { return &Unlock{} }},
	{"config", false, func() any { return &Config{} }},
}

// Of is the grammar of a verb; false for one that takes nothing of this package's.
func Of(verb string) (Grammar, bool) {
	at := slices.IndexFunc(grammars, func(g Grammar) bool { return g.Verb == verb })
	if at < 0 {
		return Grammar{}, false
	}
	return grammars[at], true
}

// Flag is a flag as --help lists it.
type Flag struct {
	Name   string   // "output"
	Help   string   // "text, or json: …"
	Value  bool     // it has a value
	Values []string // those that it may have; nil: any
}

// Words are the verbs below a verb, and the flags of all of them.
func (g Grammar) Words() (verbs []string, list []Flag) {
	flags, nodes := g.flagsOf()
	for _, n := range nodes {
		verbs = append(verbs, n.Name)
	}
	for _, f := range flags {
		if f.Name == "help" || f.Hidden {
			continue
		}
		one := Flag{Name: f.Name, Help: f.Help, Value: !f.IsBool()}
		if f.Enum != "" {
			one.Values = strings.Split(f.Enum, ",")
		}
		list = append(list, one)
	}
	if g.Settings {
		for _, s := range config.Settings() {
			if s.Flag != "" && s.Flag != "name" {
				list = append(list, Flag{Name: s.Flag, Help: s.Help, Value: true})
			}
		}
	}
	return verbs, list
}

// flagsOf are the flags of a verb and of its sub-verbs, and those sub-verbs.
func (g Grammar) flagsOf() (flags []*kong.Flag, verbs []*kong.Node) {
	parser, err := kong.New(g.make(), kong.Name(g.Verb))
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

// Variables are the names of the environment variables that the verbs read.
func Variables() []string {
	names := []string{Prefix + "NAME"}
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
	return Prefix + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
}
