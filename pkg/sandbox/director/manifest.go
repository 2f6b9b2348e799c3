package director

import (
	"slices"
	"strconv"
	"strings"
)

// required is the director's error for a property that is absent.
func required(m mapping, key string) *Failure {
	return failure(40001, "Required property '%s' was not specified in object (%s)", key, inspect(m))
}

// need fails for the first of the keys that a mapping lacks.
func need(m mapping, keys ...string) error {
	for _, key := range keys {
		if m.get(key) == nil {
			return required(m, key)
		}
	}
	return nil
}

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
		merged = append(merged, field{key, all})
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
// The caller holds mu.
func (d *Director) resolve(document mapping) (mapping, error) {
	resolved, _ := clone(document).(mapping)
	if stemcells, ok := resolved.get("stemcells").([]any); ok {
		for i, v := range stemcells {
			m, ok := v.(mapping)
			if !ok || !isLatest(m.text("version")) {
				continue
			}
			s, err := d.latestStemcell(m)
			if err != nil {
				return nil, err
			}
			stemcells[i] = m.with("version", scalar{s.version, true})
		}
	}
	if releases, ok := resolved.get("releases").([]any); ok {
		for i, v := range releases {
			m, ok := v.(mapping)
			if !ok || !isLatest(m.text("version")) {
				continue
			}
			versions := d.versions(m.text("name"))
			newest := latestOf(m.text("version"), len(versions), func(i int) string { return versions[i].version })
			if newest < 0 {
				return nil, failure(30005, "Release '%s' doesn't exist", m.text("name"))
			}
			releases[i] = m.with("version", scalar{versions[newest].version, true})
		}
	}
	return resolved, nil
}

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

// latestStemcell is the newest stemcell of an operating system or name. The caller holds mu.
func (d *Director) latestStemcell(m mapping) (*stemcell, error) {
	candidates := slices.DeleteFunc(slices.Clone(d.stemcells), func(s *stemcell) bool {
		if m.get("os") != nil {
			return s.os != m.text("os")
		}
		return s.name != m.text("name")
	})
	best := latestOf(m.text("version"), len(candidates), func(i int) string { return candidates[i].version })
	switch {
	case best >= 0:
		return candidates[best], nil
	case m.get("os") != nil:
		return nil, failure(50003, "Stemcell with Operating System '%s' doesn't exist", m.text("os"))
	}
	return nil, failure(50003, "Stemcell '%s' doesn't exist", m.text("name"))
}

// exactStemcell is the stemcell that a manifest's entry names. The caller holds mu.
func (d *Director) exactStemcell(m mapping) (*stemcell, error) {
	for _, s := range d.stemcells {
		if s.version == m.text("version") && (s.os == m.text("os") || s.name == m.text("name")) {
			return s, nil
		}
	}
	if m.get("os") != nil {
		return nil, failure(50003, "Stemcell version '%s' for OS '%s' doesn't exist", m.text("version"), m.text("os"))
	}
	return nil, failure(50003, "Stemcell '%s/%s' doesn't exist", m.text("name"), m.text("version"))
}

// policy is how a group's instances are updated.
type policy struct {
	canaries    string // "1" or "50%"
	maxInFlight string // "1" or "50%"
	serial      bool
	zonesAtOnce bool // initial_deploy_az_update_strategy: parallel
}

// count reads a number or a percentage of size, rounded down.
func count(text string, size int) (int, bool) {
	if percent, ok := strings.CutSuffix(text, "%"); ok {
		n, err := strconv.Atoi(percent)
		return n * size / 100, err == nil
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}

// newPolicy reads an update section, that of a group over that of the manifest.
// What a deploy asks for overrides both, for every group.
func newPolicy(update mapping, o deployOptions) (policy, error) {
	if err := need(update, "canaries", "max_in_flight", "canary_watch_time", "update_watch_time"); err != nil {
		return policy{}, err
	}
	p := policy{
		canaries: update.text("canaries"), maxInFlight: update.text("max_in_flight"), serial: update.text("serial") != "false",
		zonesAtOnce: update.text("initial_deploy_az_update_strategy") == "parallel",
	}
	if o.canaries != "" {
		p.canaries = o.canaries
	}
	if o.maxInFlight != "" {
		p.maxInFlight = o.maxInFlight
	}
	if _, ok := count(p.canaries, 1); !ok {
		return p, failure(100, "canaries value should be integer or percent")
	}
	if _, ok := count(p.maxInFlight, 1); !ok {
		return p, failure(100, "max_in_flight value should be integer or percent")
	}
	return p, nil
}
