package document

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/keyring"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/difference"
)

// taken lists what comes from the state and was not given now, with secrets hidden.
func (s *Set) taken(wanted *config.Config) (lines []string) {
	said, given := s.read.Statement, s.Keys.Given
	for _, c := range config.Diff(given, wanted) {
		lines = append(lines, fmt.Sprintf("%s: %s → %s", c.Key, cmp.Or(c.Old, "not given"), cmp.Or(c.New, "not set")))
	}
	now, then := config.UserFiles(given), config.UserFiles(wanted)
	for _, name := range slices.Sorted(maps.Keys(said.Files)) {
		if slices.Contains(then, name) && !slices.Contains(now, name) {
			lines = append(lines, fileLines(name, []byte(said.Files[name]), slices.Contains(wanted.Manifest.VarsFiles, name))...)
		}
	}
	if s.old && s.generated > 0 {
		lines = append(lines, fmt.Sprintf("the %d generated credentials", s.generated))
	}
	return append(lines, chosenLines(said.Choice)...)
}

// fileLines list what is in one of the user's files as it is stored. In a vars file any
// value may be a secret.
func fileLines(name string, text []byte, vars bool) []string {
	reader := difference.Reader{}
	leaves, err := reader.Read(text)
	if vars {
		leaves, err = reader.ReadLike(text, nil)
	}
	lines := []string{fmt.Sprintf("file %s, sha256 %.8s…:", name, keyring.Digest(text))}
	if err != nil {
		return append(lines, "  ! "+err.Error())
	}
	for _, l := range leaves {
		lines = append(lines, "  "+l.String())
	}
	return lines
}

// chosenLines list what was chosen for what nobody has said: of components whence they
// come, and everything in full, since what is left out could be what was changed.
func chosenLines(c record.Choice) (lines []string) {
	for _, line := range selection.Lines(nil, c.Components) {
		lines = append(lines, "component "+line)
	}
	c.Components = nil
	text, err := json.Marshal(c)
	if err != nil {
		return nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		lines = append(lines, fmt.Sprintf("chosen %s: %s", name, fields[name]))
	}
	return lines
}
