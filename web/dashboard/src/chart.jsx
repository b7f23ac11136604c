/* Versions over time, as areas on top of each other. Loaded only where it is shown: it brings uPlot. */
import {useEffect, useRef} from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

/* {times: [s], versions: [{name, devices: [n]}]}, the lowest area first -> uPlot's columns, the highest line first. */
function columns({times, versions}) {
  const sums = times.map(() => 0);
  const lines = versions.map(version => version.devices.map((number, i) => sums[i] += number));
  return [times, ...lines.reverse()];
}

/* The day at midnight, else the time. */
const moment = s => {
  const date = new Date(s * 1000);
  return date.getHours() + date.getMinutes() === 0 ? date.toLocaleDateString(undefined, {day: 'numeric', month: 'short'})
    : date.toLocaleTimeString(undefined, {hour: '2-digit', minute: '2-digit', hourCycle: 'h23'});
};

export function Chart({data, colours, label}) {
  const box = useRef(), plot = useRef();
  const names = data.versions.map(version => version.name).join('\n');
  useEffect(() => {
    const style = getComputedStyle(box.current), line = style.getPropertyValue('--line'), dim = style.getPropertyValue('--dim');
    const axis = {stroke: dim, grid: {stroke: line, width: 1}, ticks: {stroke: line, width: 1}, font: '12px ' + style.fontFamily};
    const size = () => ({width: box.current.clientWidth, height: 220});
    plot.current = new uPlot({...size(), padding: [10, 24, 0, 0], legend: {show: false}, cursor: {show: false},
      axes: [{...axis, values: (_, ticks) => ticks.map(moment)}, {...axis, size: 56, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000]}],
      scales: {y: {range: (_, low, high) => [0, Math.max(1, high)]}},
      series: [{}, ...data.versions.map((_, i) => { const colour = style.getPropertyValue(colours[i]).trim(); return {stroke: colour, fill: colour, width: 1, points: {show: false}}; }).reverse()],
    }, columns(data), box.current);
    const watch = new ResizeObserver(() => plot.current.setSize(size()));
    watch.observe(box.current);
    return () => {
      watch.disconnect();
      plot.current.destroy();
    };
  }, [names, matchMedia('(prefers-color-scheme: dark)').matches]);
  useEffect(() => plot.current.setData(columns(data)), [data]);
  return <div class="chart" ref={box} role="img" aria-label={label} />;
}
