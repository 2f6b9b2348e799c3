package boshio

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"
)

//go:embed data
var embedded embed.FS

// Data is a small part of bosh.io's real lists, for Load.
func Data() fs.FS {
	data, err := fs.Sub(embedded, "data")
	if err != nil {
		return embed.FS{}
	}
	return data
}

// Load lists every version that recorded answers name: releases/*.json and
// stemcells/*.all.json in the folder. Which digests are listed is as recorded;
// the files, and so the digests themselves, are the simulator's own. It fails
// when a file cannot be read.
func (s *Server) Load(folder fs.FS) error {
	if err := load(folder, "releases/*.json", func(w wireRelease) {
		s.AddRelease(Release{Repository: w.Name, Version: w.Version, SHA1Only: w.SHA256 == "", Published: s.options.Now().Add(-30 * 24 * time.Hour)})
	}); err != nil {
		return err
	}
	return load(folder, "stemcells/*.all.json", func(w wireStemcell) {
		one := w.Regular
		if one == nil {
			one = w.Light
		}
		s.AddStemcell(Stemcell{
			Name: w.Name, Version: w.Version, Light: w.Light != nil, Regular: w.Regular != nil,
			SHA1Only: one == nil || one.SHA256 == "", Published: s.options.Now().Add(-30 * 24 * time.Hour),
		})
	})
}

// load decodes each file and hands its elements on, oldest first, so that those
// whose versions cannot be compared keep the recorded order.
func load[T any](folder fs.FS, pattern string, each func(T)) error {
	names, err := fs.Glob(folder, pattern)
	if err != nil {
		return fmt.Errorf("list recorded answers: %w", err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return fmt.Errorf("read recorded answer: %w", err)
		}
		var elements []T
		if err := json.Unmarshal(text, &elements); err != nil {
			return fmt.Errorf("read recorded answer %s: %w", strings.TrimSuffix(path.Base(name), ".json"), err)
		}
		for i := len(elements) - 1; i >= 0; i-- {
			each(elements[i])
		}
	}
	return nil
}
