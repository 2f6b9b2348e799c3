package config

import "slices"

// UserFiles are the names of the files that a user lays over what is bundled: ops files
// and vars files. A nil configuration has none.
func UserFiles(c *Config) []string {
	if c == nil {
		return nil
	}
	m := c.Manifest
	return slices.Concat(m.OpsFiles, m.DirectorOpsFiles, m.CloudOpsFiles, m.VarsFiles, c.Pipeline.OpsFiles)
}
