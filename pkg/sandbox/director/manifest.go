package director

import (
	"slices"
)

// mergedCloud is what several cloud configs say together, nil without one.
func mergedCloud(configs []*config) mapping {
	if len(configs) == 0 {
		return nil
	}
	merged := mapping{}
	for _, key := range []string{"azs", "vm_types", "disk_types", "networks", "vm_extensions"} {
		all := []any{}
		for _, c := range configs {
			list, _ := c.parsed.get(key).([]any)
			all = append(all, list...)
		}
		if key == "networks" && !slices.ContainsFunc(configs, func(c *config) bool { return c.parsed.has(key) }) {
			continue // its absence is an error later on
		}
		merged = merged.with(key, all)
	}
	for _, c := range configs {
		if c.parsed.has("compilation") {
			merged = merged.with("compilation", c.parsed.get("compilation"))
		}
	}
	return merged
}

// whole is a manifest with its configs, the document that diffs compare.
func whole(document mapping, cloud, runtime []*config) mapping {
	merged := slices.Clone(document).merge(mergedCloud(cloud))
	for _, c := range runtime {
		for _, f := range c.parsed {
			list, isList := f.value.([]any)
			mine, alsoList := merged.get(f.key).([]any)
			if isList && alsoList {
				merged = merged.with(f.key, slices.Concat(mine, list))
				continue
			}
			merged = merged.with(f.key, f.value)
		}
	}
	return merged
}

// resolve gives a copy of a manifest in which "latest" versions are real ones.
// It fails as the director does for a stemcell or release that it has not got.
// The caller holds the lock.
func resolve(stock *stock, document mapping) (mapping, error) {
	resolved, _ := clone(document).(mapping)
	if stemcells, ok := resolved.get("stemcells").([]any); ok {
		for i, v := range stemcells {
			m, ok := v.(mapping)
			if !ok || !isLatest(m.text("version")) {
				continue
			}
			s, err := stock.latestStemcell(m)
			if err != nil {
				return nil, err
			}
			stemcells[i] = m.with("version", str(s.version))
		}
	}
	if releases, ok := resolved.get("releases").([]any); ok {
		for i, v := range releases {
			m, ok := v.(mapping)
			if !ok || !isLatest(m.text("version")) {
				continue
			}
			versions := stock.versions(m.text("name"))
			newest := latestOf(m.text("version"), len(versions), func(i int) string { return versions[i].version })
			if newest < 0 {
				return nil, failure(30005, "Release '%s' doesn't exist", m.text("name"))
			}
			releases[i] = m.with("version", str(versions[newest].version))
		}
	}
	return resolved, nil
}
