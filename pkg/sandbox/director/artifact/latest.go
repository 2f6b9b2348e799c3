package artifact

import (
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
)

// IsLatest says whether a manifest's version stands for the newest: "latest", "1.latest".
func IsLatest(version string) bool {
	return version == "latest" || strings.HasSuffix(version, ".latest")
}

// LatestOf gives the index of the highest version that "latest" or "1.latest" means, -1 if there is none.
func LatestOf(pattern string, n int, version func(int) string) int {
	prefix := strings.TrimSuffix(pattern, "latest")
	best := -1
	for i := range n {
		if strings.HasPrefix(version(i), prefix) && (best < 0 || CompareVersions(version(i), version(best)) > 0) {
			best = i
		}
	}
	return best
}

// LatestStemcell is the newest stemcell of an operating system or name. The caller holds the lock.
func (t *Stock) LatestStemcell(m document.Mapping) (*Stemcell, error) {
	candidates := slices.DeleteFunc(slices.Clone(t.stemcells), func(s *Stemcell) bool {
		if m.Get("os") != nil {
			return s.OS != m.Text("os")
		}
		return s.Name != m.Text("name")
	})
	best := LatestOf(m.Text("version"), len(candidates), func(i int) string { return candidates[i].Version })
	switch {
	case best >= 0:
		return candidates[best], nil
	case m.Get("os") != nil:
		return nil, api.NewFailure(50003, "Stemcell with Operating System '%s' doesn't exist", m.Text("os"))
	}
	return nil, api.NewFailure(50003, "Stemcell '%s' doesn't exist", m.Text("name"))
}

// ExactStemcell is the stemcell that a manifest's entry names. The caller holds the lock.
func (t *Stock) ExactStemcell(m document.Mapping) (*Stemcell, error) {
	for _, s := range t.stemcells {
		if s.Version == m.Text("version") && (s.OS == m.Text("os") || s.Name == m.Text("name")) {
			return s, nil
		}
	}
	if m.Get("os") != nil {
		return nil, api.NewFailure(50003, "Stemcell version '%s' for OS '%s' doesn't exist", m.Text("version"), m.Text("os"))
	}
	return nil, api.NewFailure(50003, "Stemcell '%s/%s' doesn't exist", m.Text("name"), m.Text("version"))
}
