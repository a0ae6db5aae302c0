// MapLibre and the drawing tools, loaded only where a map is shown. The worker
// is a file of our own, because the content policy allows no other.
import 'maplibre-gl/dist/maplibre-gl.css';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url';
import { Map as MapView, Marker, NavigationControl, setWorkerUrl, type LngLatBoundsLike } from 'maplibre-gl';
import {
  TerraDraw,
  TerraDrawPolygonMode,
  TerraDrawRectangleMode,
  TerraDrawSelectMode,
  ValidateNotSelfIntersecting,
  type GeoJSONStoreFeatures,
} from 'terra-draw';
import { TerraDrawMapLibreGLAdapter } from 'terra-draw-maplibre-gl-adapter';
import { closed, type Point, type Polygon, type Position } from './shapes';

setWorkerUrl(workerUrl);

export type Tool = 'polygon' | 'rectangle';
export type Bounds = [number, number, number, number];

export interface Options {
  dark: boolean;
  /** First view: west, south, east, north; the style's own by default. */
  bounds?: Bounds | undefined;
  /** Let one finger scroll the page rather than the map. */
  still: boolean;
  /** Words of the controls. */
  locale: Record<string, string>;
}

/** Opens a map in the element; rejects when WebGL or the style is not to be had. */
export function openMap(container: HTMLElement, options: Options): Promise<MapView> {
  return new Promise((resolve, reject) => {
    const map = new MapView({
      container,
      style: `/map/style-${options.dark ? 'dark' : 'light'}.json`,
      ...(options.bounds && { bounds: options.bounds as LngLatBoundsLike, fitBoundsOptions: { padding: 40, maxZoom: 16 } }),
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      cooperativeGestures: options.still,
      locale: options.locale,
    });
    map.touchZoomRotate.disableRotation();
    map.addControl(new NavigationControl({ showCompass: false }), 'top-right');
    map.once('load', () => resolve(map));
    map.once('error', (e) => {
      if (!map.loaded()) {
        map.remove();
        reject(e.error);
      }
    });
  });
}

export interface Shape {
  id: string;
  polygon: Polygon;
  /** area: asked about. limit: a jurisdiction, drawn as an outline. */
  kind?: 'area' | 'limit';
}

/** Draws shapes and keeps them current; onpick hears of clicks on areas. */
export function showShapes(map: MapView, dark: boolean, onpick?: (id: string) => void): (shapes: readonly Shape[]) => void {
  const area = dark ? '#fb923c' : '#c2410c';
  const limit = dark ? '#b6a3e6' : '#5b4a8a';
  map.addSource('shapes', { type: 'geojson', data: { type: 'FeatureCollection', features: [] } });
  map.addLayer({
    id: 'shape-fill',
    type: 'fill',
    source: 'shapes',
    filter: ['==', ['get', 'kind'], 'area'],
    paint: { 'fill-color': area, 'fill-opacity': 0.22 },
  });
  map.addLayer({
    id: 'shape-line',
    type: 'line',
    source: 'shapes',
    paint: { 'line-color': ['match', ['get', 'kind'], 'limit', limit, area], 'line-width': 2.5 },
  });
  if (onpick) {
    map.on('click', 'shape-fill', (e) => {
      const id: unknown = e.features?.[0]?.properties.id;
      if (typeof id === 'string') onpick(id);
    });
    map.on('mouseenter', 'shape-fill', () => (map.getCanvas().style.cursor = 'pointer'));
    map.on('mouseleave', 'shape-fill', () => (map.getCanvas().style.cursor = ''));
  }
  return (shapes) =>
    void map.getSource<import('maplibre-gl').GeoJSONSource>('shapes')?.setData({
      type: 'FeatureCollection',
      features: shapes.map(({ id, polygon, kind = 'area' }) => ({
        type: 'Feature',
        properties: { id, kind },
        geometry: polygon,
      })),
    });
}

/** A place to show, such as where a plate was read. */
export interface Spot {
  id: string;
  lng: number;
  lat: number;
  /** The one that is chosen. */
  lit?: boolean;
}

/** Draws places and keeps them current; onpick hears of clicks on them. */
export function showSpots(map: MapView, dark: boolean, onpick?: (id: string) => void): (spots: readonly Spot[]) => void {
  map.addSource('spots', { type: 'geojson', data: { type: 'FeatureCollection', features: [] } });
  map.addLayer({
    id: 'spot',
    type: 'circle',
    source: 'spots',
    layout: { 'circle-sort-key': ['case', ['get', 'lit'], 1, 0] }, // the chosen one above others of its place
    paint: {
      'circle-radius': ['case', ['get', 'lit'], 10, 7],
      'circle-color': ['case', ['get', 'lit'], dark ? '#fb923c' : '#c2410c', dark ? '#b6a3e6' : '#5b4a8a'],
      'circle-stroke-color': dark ? '#111111' : '#ffffff',
      'circle-stroke-width': 2,
    },
  });
  if (onpick) {
    map.on('click', 'spot', (e) => {
      const id: unknown = e.features?.[0]?.properties.id;
      if (typeof id === 'string') onpick(id);
    });
    map.on('mouseenter', 'spot', () => (map.getCanvas().style.cursor = 'pointer'));
    map.on('mouseleave', 'spot', () => (map.getCanvas().style.cursor = ''));
  }
  return (spots) =>
    void map.getSource<import('maplibre-gl').GeoJSONSource>('spots')?.setData({
      type: 'FeatureCollection',
      features: spots.map(({ id, lng, lat, lit = false }) => ({
        type: 'Feature',
        properties: { id, lit },
        geometry: { type: 'Point', coordinates: [lng, lat] },
      })),
    });
}

/** Tells, whenever the map has drawn all it was given, how many of the spots it shows; undefined while it still draws. */
export function watchDrawn(map: MapView, ondrawn: (spots: number | undefined) => void): void {
  const shown = () => new Set(map.queryRenderedFeatures({ layers: ['spot'] }).map((f) => f.properties.id as string)).size;
  map.on('dataloading', () => ondrawn(undefined));
  map.on('idle', () => ondrawn(shown()));
}

export interface Drawing {
  /** Starts drawing anew with a tool. */
  begin(tool: Tool): void;
  /** Shows an area to edit, or nothing. */
  set(area: Polygon | null): void;
  stop(): void;
}

/** One editable area on a map; onarea hears of every change of it. */
export function drawing(map: MapView, dark: boolean, onarea: (area: Polygon) => void): Drawing {
  const color = dark ? '#fb923c' : '#c2410c';
  const outline = { fillColor: color, fillOpacity: 0.22, outlineColor: color, outlineWidth: 3 } as const;
  const draw = new TerraDraw({
    adapter: new TerraDrawMapLibreGLAdapter({ map }),
    modes: [
      new TerraDrawPolygonMode({ styles: { ...outline, closingPointColor: color }, validation: ValidateNotSelfIntersecting }),
      new TerraDrawRectangleMode({ styles: outline }),
      new TerraDrawSelectMode({
        allowManualDeselection: false,
        styles: {
          selectedPolygonColor: color,
          selectedPolygonFillOpacity: 0.22,
          selectedPolygonOutlineColor: color,
          selectedPolygonOutlineWidth: 3,
          selectionPointColor: '#ffffff',
          selectionPointOutlineColor: color,
          selectionPointOutlineWidth: 3,
          selectionPointWidth: 8,
          midPointColor: color,
        },
        flags: Object.fromEntries(
          ['polygon', 'rectangle'].map((mode) => [
            mode,
            {
              feature: {
                draggable: true,
                validation: ValidateNotSelfIntersecting,
                coordinates: { draggable: true, midpoints: mode === 'polygon', deletable: mode === 'polygon' },
              },
            },
          ]),
        ),
      }),
    ],
  });
  draw.start();
  let setting = false; // our own changes are no news

  const polygons = () =>
    draw.getSnapshot().filter((f): f is GeoJSONStoreFeatures & { geometry: Polygon } => f.geometry.type === 'Polygon');
  const tell = () => {
    const ring = polygons()[0]?.geometry.coordinates[0] as Position[] | undefined;
    if (!ring || setting) return;
    try {
      onarea(closed(ring));
    } catch {
      // not yet an area
    }
  };

  draw.on('finish', (id, { action }) => {
    if (action === 'draw') {
      draw.removeFeatures(polygons().flatMap((f) => (f.id === undefined || f.id === id ? [] : [f.id])));
      draw.setMode('select');
      draw.selectFeature(id);
    }
    tell();
  });
  draw.on('change', (_ids, type) => {
    if (type === 'update' && draw.getMode() === 'select') tell();
  });

  return {
    begin(tool) {
      draw.clear();
      draw.setMode(tool);
    },
    set(area) {
      setting = true;
      draw.clear();
      draw.setMode('select');
      if (area) {
        const [added] = draw.addFeatures([{ type: 'Feature', properties: { mode: 'polygon' }, geometry: area }]);
        if (added?.valid && added.id !== undefined) draw.selectFeature(added.id);
      }
      setting = false;
    },
    stop: () => draw.stop(),
  };
}

/** One place to pick by a click or by dragging its pin. */
export function picking(map: MapView, dark: boolean, onpoint: (p: Point) => void): (point: Point | null) => void {
  const pin = new Marker({ color: dark ? '#fb923c' : '#c2410c', draggable: true });
  const tell = ({ lat, lng }: Point) => onpoint({ lat: Math.round(lat * 1e6) / 1e6, lng: Math.round(lng * 1e6) / 1e6 });
  pin.on('dragend', () => tell(pin.getLngLat()));
  map.on('click', (e) => tell(e.lngLat));
  map.getCanvas().style.cursor = 'crosshair';
  return (point) => {
    if (point) pin.setLngLat(point).addTo(map);
    else pin.remove();
  };
}
