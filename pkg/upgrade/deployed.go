package upgrade

import "github.com/perpetual-ci/perpetual/pkg/bosh"

// version is that of a release of the rendered manifest, resolved; "" for none.
func (r *run) version(release string) string {
	for _, w := range r.wanted {
		if !w.Stemcell && w.Name == release {
			return w.Version
		}
	}
	return ""
}

// stemcellVersions are stemcells without their OS, which the director does not say of a
// deployment's.
func stemcellVersions(list []bosh.Stemcell) []bosh.Release {
	versions := make([]bosh.Release, len(list))
	for i, s := range list {
		versions[i] = bosh.Release{Name: s.Name, Version: s.Version}
	}
	return versions
}
