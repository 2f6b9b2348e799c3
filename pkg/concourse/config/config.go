package concourse

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"

	"github.com/concourse/concourse/atc"
	"sigs.k8s.io/yaml"
)

// snapshot is a pipeline's config at one moment, in a form that can be compared.
type snapshot struct {
	exists  bool
	version string
	config  atc.Config
	normal  []byte // config as JSON, the same for every spelling of the same pipeline
	unknown string // which key the library does not know, and so is not in normal
}

// same says whether two snapshots are known to hold the same pipeline; versions
// do not count.
func (s snapshot) same(other snapshot) bool {
	return s.unknown == "" && other.unknown == "" && s.exists == other.exists && bytes.Equal(s.normal, other.normal)
}

// parsePipeline reads YAML as Concourse does: strict about keys, except for
// further ones at the top, where YAML anchors are kept. A key that only a newer
// Concourse knows is no reason to fail, but one not to trust the comparison.
func parsePipeline(text []byte) (snapshot, error) {
	var config atc.Config
	strict := atc.UnmarshalConfig(text, &config)
	if strict == nil {
		return newSnapshot(config, "")
	}
	config = atc.Config{}
	if err := yaml.Unmarshal(text, &config); err != nil {
		return snapshot{}, err
	}
	s, err := newSnapshot(config, "")
	s.unknown = oneLine(strict.Error())
	return s, err
}

// newSnapshot brings config into the normal form. A trip through JSON does what
// Concourse's database does to it (empty lists vanish, numbers lose their
// spelling). Concourse gives resources and types sorted by name and jobs in the
// order in which they were first set, so order tells nothing; only that of
// groups shows, in the web page.
func newSnapshot(config atc.Config, version string) (snapshot, error) {
	first, err := json.Marshal(config)
	if err != nil {
		return snapshot{}, err
	}
	var normal atc.Config
	if err := json.Unmarshal(first, &normal); err != nil {
		return snapshot{}, err
	}
	sortByName(normal.Resources, func(r atc.ResourceConfig) string { return r.Name })
	sortByName(normal.ResourceTypes, func(t atc.ResourceType) string { return t.Name })
	sortByName(normal.Prototypes, func(p atc.Prototype) string { return p.Name })
	sortByName(normal.VarSources, func(v atc.VarSourceConfig) string { return v.Name })
	sortByName(normal.Jobs, func(j atc.JobConfig) string { return j.Name })
	second, err := json.Marshal(normal)
	if err != nil {
		return snapshot{}, err
	}
	return snapshot{exists: true, version: version, config: config, normal: second}, nil
}

func sortByName[E any](list []E, name func(E) string) {
	slices.SortStableFunc(list, func(a, b E) int { return cmp.Compare(name(a), name(b)) })
}
