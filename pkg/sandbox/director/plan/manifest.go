package plan

import (
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/artifact"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/config"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
)

// mergedCloud is what several cloud configs say together, nil without one.
func mergedCloud(configs []*config.Config) document.Mapping {
	if len(configs) == 0 {
		return nil
	}
	merged := document.Mapping{}
	for _, key := range []string{"azs", "vm_types", "disk_types", "networks", "vm_extensions"} {
		all := []any{}
		for _, c := range configs {
			list, _ := c.Parsed.Get(key).([]any)
			all = append(all, list...)
		}
		if key == "networks" && !slices.ContainsFunc(configs, func(c *config.Config) bool { return c.Parsed.Has(key) }) {
			continue // its absence is an error later on
		}
		merged = merged.With(key, all)
	}
	for _, c := range configs {
		if c.Parsed.Has("compilation") {
			merged = merged.With("compilation", c.Parsed.Get("compilation"))
		}
	}
	return merged
}

// Whole is a manifest with its configs, the document that diffs compare.
func Whole(doc document.Mapping, cloud, runtime []*config.Config) document.Mapping {
	merged := slices.Clone(doc).Merge(mergedCloud(cloud))
	for _, c := range runtime {
		for _, f := range c.Parsed {
			list, isList := f.Value.([]any)
			mine, alsoList := merged.Get(f.Key).([]any)
			if isList && alsoList {
				merged = merged.With(f.Key, slices.Concat(mine, list))
				continue
			}
			merged = merged.With(f.Key, f.Value)
		}
	}
	return merged
}

// Resolve gives a copy of a manifest in which "latest" versions are real ones.
// It fails as the director does for a stemcell or release that it has not got.
// The caller holds the lock.
func Resolve(stock *artifact.Stock, doc document.Mapping) (document.Mapping, error) {
	resolved, _ := document.Clone(doc).(document.Mapping)
	if stemcells, ok := resolved.Get("stemcells").([]any); ok {
		for i, v := range stemcells {
			m, ok := v.(document.Mapping)
			if !ok || !artifact.IsLatest(m.Text("version")) {
				continue
			}
			s, err := stock.LatestStemcell(m)
			if err != nil {
				return nil, err
			}
			stemcells[i] = m.With("version", document.String(s.Version))
		}
	}
	if releases, ok := resolved.Get("releases").([]any); ok {
		for i, v := range releases {
			m, ok := v.(document.Mapping)
			if !ok || !artifact.IsLatest(m.Text("version")) {
				continue
			}
			versions := stock.Versions(m.Text("name"))
			newest := artifact.LatestOf(m.Text("version"), len(versions), func(i int) string { return versions[i].Version })
			if newest < 0 {
				return nil, api.NewFailure(30005, "Release '%s' doesn't exist", m.Text("name"))
			}
			releases[i] = m.With("version", document.String(versions[newest].Version))
		}
	}
	return resolved, nil
}
