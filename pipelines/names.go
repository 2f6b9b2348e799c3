package pipelines

// Names are what the pipelines here have, and all that they have ever had, by
// section: what a running pipeline has besides, people have added. A name that
// leaves the pipelines stays in this list, or it would be taken for theirs.
func Names() map[string][]string {
	return map[string][]string{
		"var_sources":    {"aws", "own"},
		"resource_types": {"perpetual"},
		"resources":      {"components", "deployment", "finished-deployment"},
		"jobs":           {UpgradeJob, "verify"},
		"steps": {
			"get components", "get finished-deployment", "load_var perpetual_version", "load_var perpetual_installer_digest",
			"put deployment", "task deploy",
		},
		"var_sources keys":    {"name", "type", "config"},
		"resource_types keys": {"name", "type", "source"},
		"resources keys":      {"name", "type", "source", "icon", "check_every"},
		"jobs keys":           {"name", "plan", "serial", "interruptible"},
	}
}

// InstallationNames are Names for the pipeline of an installation, which says itself on
// which workers it runs. Elsewhere people say it, with fly.
func InstallationNames() map[string][]string {
	names := Names()
	for _, section := range []string{"resource_types keys", "resources keys"} {
		names[section] = append(names[section], "tags")
	}
	return names
}
