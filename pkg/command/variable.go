package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/nearest"
)

// variablePrefix begins the names of the environment variables that are ours.
const variablePrefix = "PERPETUAL_"

// ownVariables are those that the verbs of this package read, and in builds for tests
// that of package crash.
var ownVariables = append([]string{requestVariable, levelVariable}, crash.Variables...)

// uncheckedVerbs do nothing that a variable could change.
var uncheckedVerbs = []string{"version", "completion"}

// checkEnvironment refuses variables of ours that nobody reads: a misspelt one would
// have no effect. The resource's program, which does not know what the installer reads,
// refuses only what is nearly one of its own.
func (c *Call) checkEnvironment(verb string) error {
	if slices.Contains(uncheckedVerbs, verb) {
		return nil
	}
	known := append(slices.Clone(ownVariables), c.Variables...)
	var problems []string
	for _, variable := range c.Environ {
		name, value, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, variablePrefix) || value == "" || slices.Contains(known, name) {
			continue
		}
		if flag := flagOf(name); slices.Contains(c.OnlyFlags, flag) {
			problems = append(problems, fmt.Sprintf("%s: not read from the environment, where it would be forgotten; give the flag --%s", name, flag))
			continue
		}
		best := nearest.Name(strings.TrimPrefix(name, variablePrefix), trimmed(known))
		switch {
		case best != "":
			problems = append(problems, fmt.Sprintf("%s: unknown variable; did you mean %s?", name, variablePrefix+best))
		case len(c.Variables) > 0:
			problems = append(problems, fmt.Sprintf("%s: unknown variable; perpetual help deploy lists the settings, and maps are set in perpetual.yml only", name))
		}
	}
	if len(problems) == 0 {
		return nil
	}
	slices.Sort(problems)
	return fmt.Errorf("%s", strings.Join(problems, "; "))
}

// flagOf is the flag for which a variable would stand: "yes-destroy" for
// PERPETUAL_YES_DESTROY.
func flagOf(variable string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(variable, variablePrefix), "_", "-"))
}

// trimmed are names without the prefix that is common to all.
func trimmed(names []string) []string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = strings.TrimPrefix(name, variablePrefix)
	}
	return list
}
