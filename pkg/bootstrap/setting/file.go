package setting

import (
	"fmt"
	"maps"
	"slices"
)

// Files are the user's ops files and vars files.
type Files struct {
	Installation string            // "ci"
	Given        []string          // the names that were given this time
	Wanted       []string          // the names that the configuration has
	Stored       map[string]string // the texts by name, as they were at the last deploy by hand
	Self         bool              // a self-upgrade: it has no files but those that are stored
	// Open reads one that was given this time.
	Open func(name string) ([]byte, error)
}

// Now are their texts by name as they are now, for the pipeline, which has none.
func (f Files) Now() (map[string]string, error) {
	kept := map[string]string{}
	for _, name := range f.Wanted {
		text, err := f.Read(name)
		if err != nil {
			return nil, fmt.Errorf("manifest: %w", err)
		}
		kept[name] = string(text)
	}
	return kept, nil
}

// Changed names those that are not stored as they are now.
func (f Files) Changed() (names []string, err error) {
	if f.Self {
		return nil, nil
	}
	now, err := f.Now()
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if before, kept := f.Stored[name]; !kept || before != now[name] {
			names = append(names, name)
		}
	}
	return names, err
}

// Read reads one: as it is where it was named now, and otherwise as it was at the last
// deploy by hand. A name from the state is never opened.
func (f Files) Read(name string) ([]byte, error) {
	if !f.Self && slices.Contains(f.Given, name) {
		return f.Open(name)
	}
	text, kept := f.Stored[name]
	if !kept {
		return nil, fmt.Errorf("%s is not in the state: run perpetual deploy %s by hand, and name the file", name, f.Installation)
	}
	return []byte(text), nil
}
