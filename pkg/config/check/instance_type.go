package check

import (
	"fmt"
	"regexp"
)

// graviton is the family of an arm64 instance type: a "g" follows the generation, as in
// m7g, c6gn or im4gn (EC2 user guide, instance type naming conventions); a1 is the first.
var graviton = regexp.MustCompile(`^(a1|[a-z]+[0-9]+g[a-z]*)\.`)

// instanceTypes looks whether VMs could start from the bundled stemcells. Who changes a
// manifest by ops files may have taken another stemcell.
func (v *validator) instanceTypes() {
	look := func(key, instanceType string, ops []string) {
		if !graviton.MatchString(instanceType) {
			return
		}
		const text = "%s is arm64 and needs an arm64 stemcell, and the stemcell that is deployed is for x86_64"
		if len(ops) > 0 {
			v.warn(key, text+", unless the ops files take another", instanceType)
			return
		}
		v.wrong(key, text+"; want a type such as m6i.xlarge or t3.small", instanceType)
	}
	m := v.c.Manifest
	look("director.instance_type", v.c.Director.InstanceType, m.DirectorOpsFiles)
	look("web.instance_type", v.c.Web.InstanceType, m.OpsFiles)
	for i, t := range v.c.Workers.InstanceTypes {
		look(fmt.Sprintf("workers.instance_types[%d]", i), t, m.OpsFiles)
	}
	if v.c.Database.Kind == "vm" {
		look("database.instance_type", v.c.Database.InstanceType, m.OpsFiles)
	}
}
