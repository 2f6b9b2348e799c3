// Package bundle holds the manifests and ops files that come with the program, as
// texts: Concourse's, which a pipeline without a manifest of its own deploys, and what
// an installation on AWS is rendered from.
package bundle

import (
	"embed"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/template"
)

//go:embed director.yml cloud-config.yml versions.yml ops
var files embed.FS

// File is one of the bundled files, "director.yml" or "ops/proxy.yml".
func File(name string) (template.File, error) {
	text, err := files.ReadFile(name)
	if err != nil {
		return template.File{}, fmt.Errorf("read the bundled %s: %w", name, err)
	}
	return template.File{Name: "the bundled " + name, Text: text}, nil
}

// Ops are bundled ops files in this order, by name: "proxy".
func Ops(names ...string) ([]template.File, error) {
	var list []template.File
	for _, name := range names {
		file, err := File("ops/" + name + ".yml")
		if err != nil {
			return nil, err
		}
		list = append(list, file)
	}
	return list, nil
}
