// Rows of one height, of which only those are made that are seen: ten thousand cost as much as forty.

// Rows above and below what is seen, which are there before a frame is late.
const BEYOND = 8;

export class VirtualRows {
  /** As high as all rows together. */
  readonly node = document.createElement("div");
  private readonly pool: HTMLElement[] = [];
  // Which row each element of the pool is; -1 for none.
  private readonly is: number[] = [];
  private readonly watching: ResizeObserver;
  private count = 0;
  private frame = 0;

  /**
   * `fill` writes a row into an element that `make` has made; elements are used again and again, so that the one of
   * row i is i modulo their number, and scrolling by a row writes one row.
   */
  constructor(
    private readonly scroller: HTMLElement,
    private readonly height: number,
    private readonly make: () => HTMLElement,
    private readonly fill: (element: HTMLElement, row: number) => void,
  ) {
    this.node.className = "mlops-VirtualRows";
    this.watching = new ResizeObserver(() => this.soon());
    this.watching.observe(scroller);
    scroller.addEventListener("scroll", this.soon, { passive: true });
  }

  /** So many rows are there now, and all that are seen are written anew. */
  update(count: number): void {
    this.count = count;
    this.node.style.height = `${count * this.height}px`;
    this.is.fill(-1);
    this.draw();
  }

  /** The row at the upper edge, and by how much of it is above. */
  get top(): { row: number; above: number } {
    const row = Math.floor(this.scroller.scrollTop / this.height);
    return { row, above: this.scroller.scrollTop - row * this.height };
  }

  /** How many rows are seen whole, when `covered` pixels are covered by what stays in place. */
  seen(covered: number): number {
    return Math.max(1, Math.floor((this.scroller.clientHeight - covered) / this.height));
  }

  /** Scroll as little as it takes for a row to be seen, below the `covered` upper pixels. */
  reveal(row: number, covered: number): void {
    const [from, to] = [row * this.height, (row + 1) * this.height - this.scroller.clientHeight + covered];
    if (this.scroller.scrollTop > from) {
      this.scroller.scrollTop = from;
    } else if (this.scroller.scrollTop < to) {
      this.scroller.scrollTop = to;
    }
    this.draw();
  }

  dispose(): void {
    this.watching.disconnect();
    cancelAnimationFrame(this.frame);
    this.scroller.removeEventListener("scroll", this.soon);
  }

  private readonly soon = (): void => {
    if (this.frame === 0) {
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.draw();
      });
    }
  };

  private draw(): void {
    const fits = Math.ceil(this.scroller.clientHeight / this.height) + 1 + 2 * BEYOND;
    while (this.pool.length < fits) {
      const element = this.make();
      element.hidden = true;
      this.pool.push(element);
      this.is.fill(-1);
      this.is.push(-1);
      this.node.append(element);
    }
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / this.height) - BEYOND);
    const [size, end] = [this.pool.length, Math.min(this.count, first + this.pool.length)];
    for (let row = first; row < end; row++) {
      const element = this.pool[row % size];
      if (this.is[row % size] !== row) {
        this.is[row % size] = row;
        element.hidden = false;
        element.style.transform = `translateY(${row * this.height}px)`;
        this.fill(element, row);
      }
    }
    this.is.forEach((row, place) => {
      if (row < first || row >= end) {
        this.is[place] = -1;
        this.pool[place].hidden = true;
      }
    });
  }
}
