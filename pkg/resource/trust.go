package resource

import (
	"fmt"
	"strings"
)

// ProgramRepository is where Perpetual's own releases are on GitHub.
const ProgramRepository = "perpetual-ci/perpetual"

// ProgramComponent is what the bundled pipeline calls Perpetual itself in a set.
const ProgramComponent = "perpetual"

// IsProgram says whether a component is Perpetual itself, or a fork of it: it runs with
// all that the pipeline may do, so its releases have to be signed.
func (w Watch) IsProgram(name string) bool {
	return w.GitHub != "" && (name == ProgramComponent || strings.EqualFold(w.GitHub, ProgramRepository) || len(w.Keys) > 0)
}

// Plain says whether the upstream of a component is asked over http://, on another machine
// than this one: then anybody between can change its list, digests and all, so what
// counts are the digests of the source.
func (s Source) Plain(w Watch) bool {
	if w.GitHub != "" {
		return inClear(s.GitHub.URL)
	}
	return inClear(s.BoshIO.URL)
}

// validatePlain wants digests in the source where the list's own say nothing. Releases of
// Perpetual have them in their signed statement.
func (s Source) validatePlain(name string) error {
	w := s.Watch[name]
	if !s.Plain(w) || len(w.Digests) > 0 || w.IsProgram(name) && !w.AllowUnsigned {
		return nil
	}
	key := "bosh_io.url"
	if w.GitHub != "" {
		key = "github.url"
	}
	return fmt.Errorf("validate source.watch.%s: source.%s is http://, where anybody between can change lists and digests: give https://, or the digests of the versions that may be taken in source.watch.%s.digests", name, key, name)
}
