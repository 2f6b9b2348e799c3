package director

import (
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
)

// isLatest says whether a manifest's version stands for the newest: "latest", "1.latest".
func isLatest(version string) bool {
	return version == "latest" || strings.HasSuffix(version, ".latest")
}

// latestOf gives the index of the highest version that "latest" or "1.latest" means, -1 if there is none.
func latestOf(pattern string, n int, version func(int) string) int {
	prefix := strings.TrimSuffix(pattern, "latest")
	best := -1
	for i := range n {
		if strings.HasPrefix(version(i), prefix) && (best < 0 || compareVersions(version(i), version(best)) > 0) {
			best = i
		}
	}
	return best
}

// latestStemcell is the newest stemcell of an operating system or name. The caller holds the lock.
func (t *stock) latestStemcell(m document.Mapping) (*stemcell, error) {
	candidates := slices.DeleteFunc(slices.Clone(t.stemcells), func(s *stemcell) bool {
		if m.Get("os") != nil {
			return s.os != m.Text("os")
		}
		return s.name != m.Text("name")
	})
	best := latestOf(m.Text("version"), len(candidates), func(i int) string { return candidates[i].version })
	switch {
	case best >= 0:
		return candidates[best], nil
	case m.Get("os") != nil:
		return nil, api.NewFailure(50003, "Stemcell with Operating System '%s' doesn't exist", m.Text("os"))
	}
	return nil, api.NewFailure(50003, "Stemcell '%s' doesn't exist", m.Text("name"))
}

// exactStemcell is the stemcell that a manifest's entry names. The caller holds the lock.
func (t *stock) exactStemcell(m document.Mapping) (*stemcell, error) {
	for _, s := range t.stemcells {
		if s.version == m.Text("version") && (s.os == m.Text("os") || s.name == m.Text("name")) {
			return s, nil
		}
	}
	if m.Get("os") != nil {
		return nil, api.NewFailure(50003, "Stemcell version '%s' for OS '%s' doesn't exist", m.Text("version"), m.Text("os"))
	}
	return nil, api.NewFailure(50003, "Stemcell '%s/%s' doesn't exist", m.Text("name"), m.Text("version"))
}
