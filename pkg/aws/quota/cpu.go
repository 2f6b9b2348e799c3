package quota

import (
	"maps"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// standard are the families whose vCPUs count together, by the letters before the
// number of their generation.
var standard = []string{"a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"}

// isStandard says whether an instance type is of one of them.
func isStandard(instanceType string) bool {
	letters := strings.IndexFunc(instanceType, func(r rune) bool { return r < 'a' || r > 'z' })
	return letters > 0 && slices.Contains(standard, instanceType[:letters])
}

// instances compares the vCPUs that the needs come to with their quotas. Spot instances
// for which there is no room will be on-demand ones, and count as such.
func (l *look) instances(n Needs) {
	onDemand, spot, each, err := l.neededCPUs(n)
	if err != nil {
		l.pass(cpuQuota, err)
		return
	}
	if onDemand+spot == 0 {
		return
	}
	var used cpus
	var failed error
	counted := false
	count := func(of func(cpus) int) func() (int, error) {
		return func() (int, error) {
			if !counted {
				used, failed = l.usedCPUs()
				counted = true
			}
			return of(used), failed
		}
	}
	if spot > 0 {
		if limit, taken, ok := l.measure(spotQuota, count(func(c cpus) int { return c.spot })); ok && taken+spot > limit {
			l.answer.Notes = append(l.answer.Notes, "workers that find no room on spot will be on-demand instances, at full price: "+l.short(spotQuota, limit, taken, spot))
			over := (taken + spot - limit + each - 1) / each // whole instances
			onDemand += min(spot, over*each)
		}
	}
	if onDemand > 0 {
		l.compare(cpuQuota, onDemand, count(func(c cpus) int { return c.onDemand }))
	}
}

// neededCPUs adds up the vCPUs of the needs. each are those of one spot instance, of the
// largest type.
func (l *look) neededCPUs(needs Needs) (onDemand, spot, each int, err error) {
	names := slices.DeleteFunc(append(slices.Collect(maps.Keys(needs.OnDemand)), slices.Collect(maps.Keys(needs.Spot))...), func(name string) bool { return !isStandard(name) })
	if len(names) == 0 {
		return 0, 0, 0, nil
	}
	vcpus, err := l.vcpus(l.ctx, names)
	if err != nil {
		return 0, 0, 0, err
	}
	for name, n := range vcpus {
		onDemand += n * needs.OnDemand[name]
		if needs.Spot[name] > 0 {
			spot += n * needs.Spot[name]
			each = max(each, n)
		}
	}
	return onDemand, spot, each, nil
}

// cpus are vCPUs in use.
type cpus struct{ onDemand, spot int }

// usedCPUs adds up the vCPUs of the instances that run.
func (l *look) usedCPUs() (cpus, error) {
	var used cpus
	pages := ec2.NewDescribeInstancesPaginator(l.ec2, &ec2.DescribeInstancesInput{
		Filters: []types.Filter{{Name: sdk.String("instance-state-name"), Values: []string{"pending", "running"}}}, MaxResults: sdk.Int32(1000),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(l.ctx)
		if err != nil {
			return used, l.session.Wrap(l.ctx, "count the vCPUs in use", err)
		}
		for _, reservation := range page.Reservations {
			for _, i := range reservation.Instances {
				used.add(i)
			}
		}
	}
	return used, nil
}

// add counts an instance.
func (c *cpus) add(i types.Instance) {
	if !isStandard(string(i.InstanceType)) || i.CpuOptions == nil {
		return
	}
	n := int(sdk.ToInt32(i.CpuOptions.CoreCount) * sdk.ToInt32(i.CpuOptions.ThreadsPerCore))
	if i.InstanceLifecycle == types.InstanceLifecycleTypeSpot {
		c.spot += n
	} else {
		c.onDemand += n
	}
}
