package director

import (
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/uuid"
)

// gain adds to a package what an upload brings of it: its source, or what it is when
// compiled for one more stemcell.
func (p *part) gain(up *part) {
	if up.source && !p.source {
		p.source, p.sha1 = true, up.sha1
	}
	for _, stemcell := range up.compiled {
		if !slices.Contains(p.compiled, stemcell) {
			p.compiled = append(p.compiled, stemcell)
		}
	}
}

// major is the first number of a version.
func major(version string) string { first, _, _ := strings.Cut(version, "."); return first }

// compiledFor says whether a package is compiled for exactly that stemcell.
func (p *part) compiledFor(os, version string) bool {
	return slices.Contains(p.compiled, os+"/"+version)
}

// runsOn says whether a package is compiled for a stemcell. One without its source,
// which cannot be compiled again, also runs on what it is compiled for another version
// of the same OS with the same first number.
func (p *part) runsOn(s *stemcell) bool {
	if p.source {
		return p.compiledFor(s.os, s.version)
	}
	return slices.ContainsFunc(p.compiled, func(stemcell string) bool {
		os, version, _ := strings.Cut(stemcell, "/")
		return os == s.os && major(version) == major(s.version)
	})
}

// packageParts are packages as GET /releases/NAME?version=V shows them. One without its
// source has neither blob nor digest.
func packageParts(parts []*part) []map[string]any {
	views := []map[string]any{}
	for _, p := range parts {
		compiled := []map[string]string{}
		for _, stemcell := range slices.Sorted(slices.Values(p.compiled)) {
			compiled = append(compiled, map[string]string{"stemcell": stemcell, "sha1": p.fingerprint, "blobstore_id": uuid.New()})
		}
		view := map[string]any{"name": p.name, "blobstore_id": nil, "sha1": nil, "fingerprint": p.fingerprint, "compiled_packages": compiled}
		if p.source {
			view["blobstore_id"], view["sha1"] = uuid.New(), p.sha1
		}
		views = append(views, view)
	}
	return views
}
