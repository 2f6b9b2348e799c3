package bosh

// ConfigVersion is one version of a cloud, runtime or other config.
type ConfigVersion struct {
	ID        string // "1"; a new one for each content
	Type      string // "cloud"
	Name      string // "default"
	Content   string // YAML, as the director writes it
	CreatedAt string // "2026-11-21 09:21:56 UTC"
}
