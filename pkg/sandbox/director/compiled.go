package director

import (
	"fmt"
	"slices"
	"strings"
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

// runsOn says whether a package is compiled for a stemcell, or for another version of
// its OS with the same first number.
func (p *part) runsOn(s *stemcell) bool {
	major := func(v string) string { first, _, _ := strings.Cut(v, "."); return first }
	return slices.ContainsFunc(p.compiled, func(stemcell string) bool {
		os, version, _ := strings.Cut(stemcell, "/")
		return os == s.os && major(version) == major(s.version)
	})
}

// checkPackages fails as the director does for packages that can neither be compiled
// nor are compiled for the stemcell that they are needed on.
func (p *plan) checkPackages() error {
	var text strings.Builder
	for _, r := range p.releases {
		var missing []string
		var on *stemcell
		for _, g := range p.groups {
			for _, q := range g.packages {
				label := fmt.Sprintf(" - '%s/%s'\n", q.name, q.version)
				if slices.Contains(r.packages, q) && !q.source && !q.runsOn(g.stemcell) && !slices.Contains(missing, label) {
					missing, on = append(missing, label), g.stemcell
				}
			}
		}
		if len(missing) > 0 {
			slices.Sort(missing)
			fmt.Fprintf(&text, "Can't use release '%s'. It references packages without source code and are not compiled against stemcell '%s':\n%s",
				r.label(), on.label(), strings.Join(missing, ""))
		}
	}
	if text.Len() == 0 {
		return nil
	}
	return failure(60001, "\n%s", text.String())
}

// packageParts are packages as GET /releases/NAME?version=V shows them. One without its
// source has neither blob nor digest.
func packageParts(parts []*part) []map[string]any {
	views := []map[string]any{}
	for _, p := range parts {
		compiled := []map[string]string{}
		for _, stemcell := range slices.Sorted(slices.Values(p.compiled)) {
			compiled = append(compiled, map[string]string{"stemcell": stemcell, "sha1": p.fingerprint, "blobstore_id": newUUID()})
		}
		view := map[string]any{"name": p.name, "blobstore_id": nil, "sha1": nil, "fingerprint": p.fingerprint, "compiled_packages": compiled}
		if p.source {
			view["blobstore_id"], view["sha1"] = newUUID(), p.sha1
		}
		views = append(views, view)
	}
	return views
}
