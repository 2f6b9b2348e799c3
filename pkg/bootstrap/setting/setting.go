// Package setting lays what the user gives this time over what earlier deploys have stored,
// and says what differs: keys of the configuration, and the files that it names.
package setting

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/schema"
)

// Settings are those of an installation.
type Settings struct {
	Given  *config.Config // this time: in perpetual.yml, the environment and flags
	Stored *config.Config // by earlier deploys; nil at the first one
	Wanted *config.Config // both together, as they are to be stored
	Files  Files
}

// Stale is what an earlier release has stored and this one refuses, unless another
// value is given now. A key that is not known any more is said and left out.
func (s Settings) Stale() schema.Problems {
	if s.Stored == nil {
		return nil
	}
	var problems schema.Problems
	for _, p := range s.Stored.Stale {
		if config.Sets(s.Given, p.Key) {
			continue
		}
		p.Warning = !config.Known(p.Key)
		if p.Warning {
			p.Text += "; it is left out"
		}
		problems = append(problems, p)
	}
	return problems
}

// Explain says, of problems with what was not given now, where they come from and
// how they are put right: the file does not show them.
func (s Settings) Explain(problems schema.Problems) schema.Problems {
	out := slices.Clone(problems)
	for i, p := range out {
		key := config.Holder(p.Key)
		if p.Warning || s.Stored == nil || !config.Sets(s.Stored, key) && p.File == "" || config.Sets(s.Given, key) {
			continue
		}
		way := key + ": null in perpetual.yml"
		if flag := config.Flag(key); flag != "" {
			way = "--" + flag + " null"
		}
		out[i].File, out[i].Text = "", p.Text+"; this is stored from an earlier deploy: give another value, or take it back to its default with "+way
	}
	return out
}

// Keys are those of the configuration that differ from what is stored.
func (s Settings) Keys() (keys []string) {
	for _, c := range config.Diff(s.Stored, s.Wanted) {
		keys = append(keys, c.Key)
	}
	return keys
}

// Changes names the keys and the files that differ from what is stored, and says in lines
// how.
func (s Settings) Changes() (names, lines []string, err error) {
	for _, c := range config.Diff(s.Stored, s.Wanted) {
		lines = append(lines, fmt.Sprintf("~ %s: %s → %s", c.Key, cmp.Or(c.Old, "not set"), cmp.Or(c.New, "not set")))
	}
	files, err := s.Files.Changed()
	return append(s.Keys(), files...), append(lines, step.Marked("~ file ", files)...), err
}

// Same says whether two configurations are stored alike.
func Same(a, b *config.Config) (bool, error) {
	first, err := config.Encode(a)
	if err != nil {
		return false, err
	}
	second, err := config.Encode(b)
	return bytes.Equal(first, second), err
}
