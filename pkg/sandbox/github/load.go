package github

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"
)

//go:embed data/*.json
var embedded embed.FS

// Data is a small real history: the newest tags of four repositories with the
// dates of their commits, one OWNER_NAME.json each, for LoadTags.
func Data() fs.FS {
	data, err := fs.Sub(embedded, "data")
	if err != nil {
		return embed.FS{}
	}
	return data
}

// tagRecord is one element of such a file.
type tagRecord struct {
	Tag       string    `json:"tag"`    // "v7.3.2"
	Commit    string    `json:"commit"` // "71da5ea8d71c06d0dabe385da9a7636b0225fba0"
	CreatedAt time.Time `json:"created_at"`
}

// LoadTags publishes a release without files for each tag in the files
// OWNER_NAME.json of a folder; tags with a hyphen are pre-releases. It fails when
// a file cannot be read, before anything is published from that file.
func (s *Server) LoadTags(folder fs.FS) error {
	names, err := fs.Glob(folder, "*.json")
	if err != nil {
		return fmt.Errorf("list tag files: %w", err)
	}
	for _, name := range names {
		owner, repository, ok := strings.Cut(strings.TrimSuffix(path.Base(name), ".json"), "_")
		if !ok {
			return fmt.Errorf("read tags: %s is not named OWNER_NAME.json", name)
		}
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return fmt.Errorf("read tags: %w", err)
		}
		var records []tagRecord
		if err := json.Unmarshal(text, &records); err != nil {
			return fmt.Errorf("read tags from %s: %w", name, err)
		}
		releases := make([]Release, len(records))
		for i, t := range records {
			releases[i] = Release{Tag: t.Tag, CreatedAt: t.CreatedAt, PreRelease: strings.Contains(t.Tag, "-")}
		}
		s.Publish(owner+"/"+repository, releases...)
	}
	return nil
}
