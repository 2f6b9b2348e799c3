package upgrade

// version is that of a release of the rendered manifest, resolved; "" for none.
func (r *run) version(release string) string {
	for _, w := range r.wanted {
		if !w.Stemcell && w.Name == release {
			return w.Version
		}
	}
	return ""
}
