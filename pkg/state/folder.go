package state

import (
	"context"
	"strings"
)

// Folder is the part of a store below a folder, "run/": names in it begin there.
func Folder(store Store, prefix string) Store { return folder{store, prefix} }

type folder struct {
	Store
	prefix string
}

// Get implements Store.
func (f folder) Get(ctx context.Context, name string) (Document, error) {
	return f.Store.Get(ctx, f.prefix+name)
}

// Put implements Store.
func (f folder) Put(ctx context.Context, name string, body []byte, revision string) (string, error) {
	return f.Store.Put(ctx, f.prefix+name, body, revision)
}

// Delete implements Store.
func (f folder) Delete(ctx context.Context, name, revision string) error {
	return f.Store.Delete(ctx, f.prefix+name, revision)
}

// List implements Store.
func (f folder) List(ctx context.Context, prefix string) ([]string, error) {
	names, err := f.Store.List(ctx, f.prefix+prefix)
	for i, name := range names {
		names[i] = strings.TrimPrefix(name, f.prefix)
	}
	return names, err
}
