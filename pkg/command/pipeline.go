package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pipelines"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

const pipelineHelp = `perpetual pipeline prints the bundled self-upgrade pipeline for fly set-pipeline.

Usage:
  perpetual pipeline [flags]

Flags, each as often as needed; the last one wins:
  -v, --var NAME=VALUE          a value, taken as text
  -y, --yaml-var NAME=YAML      a value, taken as YAML
  -l, --load-vars-from FILE     a YAML file of values

What has no value stays a ((variable)).
`

// runPipeline prints the bundled pipeline, rendered with the given values. What
// has none stays a ((variable)) for fly's -v and -l or a credential manager.
func runPipeline(_ context.Context, c *call) error {
	vars, err := c.pipelineVars()
	if errors.Is(err, flag.ErrHelp) {
		_, err = fmt.Fprint(c.Out, pipelineHelp)
		return err
	}
	if err != nil {
		return err
	}
	text, err := manifest.Render(manifest.Template{
		File:    manifest.File{Name: "the bundled pipeline", Text: pipelines.SelfUpgrade()},
		Vars:    append([]map[string]any{pipelines.SelfUpgradeDefaults(), {"perpetual_version": Version}}, vars...),
		Partial: true,
	})
	if err != nil {
		return err
	}
	_, err = c.Out.Write(text)
	return err
}

// pipelineVars reads -v NAME=VALUE, -y NAME=YAML and -l FILE, as fly has them;
// the last one wins. Its error is flag.ErrHelp for a wish for help.
func (c *call) pipelineVars() ([]map[string]any, error) {
	var layers []map[string]any
	flags := flag.NewFlagSet("pipeline", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	value := func(text string) error {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return errors.New("want NAME=VALUE")
		}
		layers = append(layers, map[string]any{name: value})
		return nil
	}
	yamlValue := func(text string) error {
		name, value, ok := strings.Cut(text, "=")
		var parsed any
		if !ok || name == "" || yaml.Unmarshal([]byte(value), &parsed) != nil {
			return errors.New("want NAME=YAML")
		}
		layers = append(layers, map[string]any{name: parsed})
		return nil
	}
	file := func(path string) error {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		layer := map[string]any{}
		if err := yaml.Unmarshal(text, &layer); err != nil {
			return errors.New("want a YAML mapping of variables")
		}
		layers = append(layers, layer)
		return nil
	}
	flags.Func("v", "a value", value)
	flags.Func("var", "a value", value)
	flags.Func("y", "a value in YAML", yamlValue)
	flags.Func("yaml-var", "a value in YAML", yamlValue)
	flags.Func("l", "a file of values", file)
	flags.Func("load-vars-from", "a file of values", file)
	if err := flags.Parse(c.args); err != nil {
		return nil, fmt.Errorf("pipeline: %w", err)
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("pipeline: unexpected argument %q", flags.Arg(0))
	}
	return layers, nil
}
