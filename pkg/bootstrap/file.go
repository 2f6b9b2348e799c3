package bootstrap

import (
	"fmt"
	"maps"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/config"
)

// filesNow are the user's files as they are now, for the pipeline, which has none.
func (r *run) filesNow() (map[string]string, error) {
	kept := map[string]string{}
	for _, name := range config.UserFiles(r.config) {
		text, err := r.file(name)
		if err != nil {
			return nil, fmt.Errorf("manifest: %w", err)
		}
		kept[name] = string(text)
	}
	return kept, nil
}

// changedFiles are those of the user's files that are not stored as they are now.
func (r *run) changedFiles() (names []string, err error) {
	if r.options.Self {
		return nil, nil
	}
	now, err := r.filesNow()
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if before, kept := r.said.Files[name]; !kept || before != now[name] {
			names = append(names, name)
		}
	}
	return names, err
}

// file is one of the user's files: as it is where it was named now, and otherwise as it
// was at the last deploy by hand. A name from the state is never opened.
func (r *run) file(name string) ([]byte, error) {
	if !r.options.Self && slices.Contains(config.UserFiles(r.Given), name) {
		return r.Files(name)
	}
	text, kept := r.said.Files[name]
	if !kept {
		return nil, fmt.Errorf("%s is not in the state: run perpetual deploy %s by hand, and name the file", name, r.Name)
	}
	return []byte(text), nil
}
